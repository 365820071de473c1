-- The role under which the service runs: it can append, and it cannot change or remove history,
-- even if a trigger were dropped. Roles belong to the whole server, so it may exist already.
-- Where the migrating user may not create roles, the triggers alone guard the tables.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'surehook_service') THEN
    CREATE ROLE surehook_service NOLOGIN;
  END IF;
  EXECUTE format('GRANT surehook_service TO %I', current_user);
  GRANT USAGE ON SCHEMA public TO surehook_service;
  GRANT SELECT, INSERT ON deposit_events, ledger_accounts, ledger_transactions, ledger_entries,
    audit_logs TO surehook_service;
  GRANT SELECT, INSERT, UPDATE ON funding_event_jobs TO surehook_service;
  GRANT SELECT ON processing_logs, schema_migrations TO surehook_service;
EXCEPTION
  WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
    RAISE NOTICE 'role surehook_service was not set up: %', SQLERRM;
END $$;
