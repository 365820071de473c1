DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'surehook_service') THEN
    REVOKE ALL ON ALL TABLES IN SCHEMA public FROM surehook_service;
    REVOKE ALL ON SCHEMA public FROM surehook_service;
  END IF;
END $$;
