-- The event log, its projection, the ledger and the audit log.
-- Amounts are whole tokens, exact. Times are UTC. Hashes are raw SHA-256.

-- Refuses every change of an append-only table, whoever asks.
CREATE FUNCTION surehook_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'table % is append-only: % is refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'integrity_constraint_violation',
          HINT = 'append a compensating row instead';
END $$;

-- ── deposit_events: what happened to each deposit ─────────────────────────────────────────────

CREATE TABLE deposit_events (
  position        bigint GENERATED ALWAYS AS IDENTITY,
  -- The global feed is read in the order (transaction_id, position), up to the oldest transaction
  -- still running, so that an event which commits late is never skipped.
  transaction_id  xid8        NOT NULL DEFAULT pg_current_xact_id(),
  job_id          uuid        NOT NULL,
  sequence        integer     NOT NULL CHECK (sequence >= 1),
  type            text        NOT NULL,
  schema_version  smallint    NOT NULL,
  data            jsonb       NOT NULL,
  from_state      text,
  to_state        text        NOT NULL,
  actor           text        NOT NULL,
  trace_id        text,
  recorded_at     timestamptz NOT NULL,
  previous_hash   bytea       NOT NULL CHECK (octet_length(previous_hash) = 32),
  hash            bytea       NOT NULL CHECK (octet_length(hash) = 32),
  -- The optimistic check: of two writers at one sequence, one is refused.
  PRIMARY KEY (job_id, sequence)
);

CREATE INDEX deposit_events_feed ON deposit_events (transaction_id, position);

CREATE TRIGGER deposit_events_append_only
  BEFORE UPDATE OR DELETE OR TRUNCATE ON deposit_events
  FOR EACH STATEMENT EXECUTE FUNCTION surehook_append_only();

-- ── funding_event_jobs: the projection, one row a job ─────────────────────────────────────────

CREATE TABLE funding_event_jobs (
  id                     uuid           PRIMARY KEY,
  tenant_id              text           NOT NULL,
  environment            text           NOT NULL,
  source                 text           NOT NULL,
  tx_hash                text COLLATE "C" NOT NULL,
  chain                  text           NOT NULL,
  token                  text           NOT NULL,
  amount                 numeric(36,18) NOT NULL CHECK (amount > 0),
  to_address             text           NOT NULL,
  transfer_index         integer        CHECK (transfer_index >= 0),
  transfer_key           text COLLATE "C" NOT NULL,
  status                 text           NOT NULL
    CHECK (status IN ('pending', 'processing', 'failed', 'dlq', 'completed')),
  sub_state              text
    CHECK ((status, coalesce(sub_state, '')) IN (
      ('pending', ''), ('processing', ''), ('dlq', ''),
      ('failed', 'scheduled'), ('failed', 'settled'),
      ('completed', 'watching'), ('completed', 'final'))),
  sequence               integer        NOT NULL,
  head_hash              bytea          NOT NULL,
  priority               integer        NOT NULL,
  attempt_count          integer        NOT NULL CHECK (attempt_count >= 0),
  max_attempts           integer        NOT NULL,
  last_error             text,
  error_type             text
    CHECK (error_type IN ('transient', 'permanent', 'rpc_failure', 'unknown')),
  failure_reason         text,
  first_seen_at          timestamptz    NOT NULL,
  last_attempt_at        timestamptz,
  next_retry_at          timestamptz,
  completed_at           timestamptz,
  moved_to_dlq_at        timestamptz,
  lease_until            timestamptz,
  leased_by              text,
  ledger_transaction_id  uuid,
  webhook_payload        jsonb          NOT NULL,
  trace_parent           text
);

-- A job is a claim: equal claims are one job. tx_hash stands first, because it tells most and
-- serves look-ups by transaction.
CREATE UNIQUE INDEX funding_event_jobs_claim
  ON funding_event_jobs (tx_hash, transfer_key, chain, tenant_id, environment);

-- Serves the claim of work: the highest priority first, then the longest due.
CREATE INDEX funding_event_jobs_claimable
  ON funding_event_jobs (priority DESC, (coalesce(next_retry_at, first_seen_at)))
  WHERE status = 'pending' OR sub_state = 'scheduled';

-- Serves the search for lost workers.
CREATE INDEX funding_event_jobs_leased ON funding_event_jobs (lease_until)
  WHERE status = 'processing';

-- ── The ledger: double entry ──────────────────────────────────────────────────────────────────

CREATE TABLE ledger_accounts (
  -- Made from the other columns (see src/ledger/accounts.ts), so that entries need no look-up.
  id           uuid        PRIMARY KEY,
  tenant_id    text        NOT NULL,
  environment  text        NOT NULL,
  chain        text        NOT NULL,
  -- 'deposits': what the address's owner is owed. 'chain': its counterpart, what came in on chain;
  -- one for the whole chain, with an empty address.
  kind         text        NOT NULL CHECK (kind IN ('deposits', 'chain')),
  address      text        NOT NULL,
  opened_at    timestamptz NOT NULL
);

-- Serves balances by address.
CREATE INDEX ledger_accounts_address ON ledger_accounts (address, chain);

CREATE TABLE ledger_transactions (
  id              uuid        PRIMARY KEY,
  tenant_id       text        NOT NULL,
  environment     text        NOT NULL,
  chain           text        NOT NULL,
  tx_hash         text COLLATE "C" NOT NULL,
  -- The transfer's canonical place in its transaction, found by the validator: 'native', 'log:12'.
  transfer_index  text COLLATE "C" NOT NULL,
  job_id          uuid        NOT NULL,
  recorded_at     timestamptz NOT NULL
);

-- Exactly once: a transfer on chain is credited to a tenant's environment at most once, whatever
-- number of jobs claim it.
CREATE UNIQUE INDEX ledger_transactions_transfer
  ON ledger_transactions (tx_hash, transfer_index, chain, tenant_id, environment);

CREATE TABLE ledger_entries (
  transaction_id  uuid           NOT NULL,
  account_id      uuid           NOT NULL,
  token           text           NOT NULL,
  -- Positive credits the account, negative debits it.
  amount          numeric(36,18) NOT NULL CHECK (amount <> 0),
  PRIMARY KEY (transaction_id, account_id, token)
);

-- Serves balances, from the index alone.
CREATE INDEX ledger_entries_balance ON ledger_entries (account_id, token) INCLUDE (amount);

-- All entries of a ledger transaction come in one statement, sum to zero per token, and belong to
-- a transaction that is there: without one, the unique transfer would not guard them. For a whole
-- batch at once, which a foreign key would look up row by row.
CREATE FUNCTION surehook_balanced_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE fault record;
BEGIN
  SELECT transaction_id, token, sum(amount) AS total INTO fault
    FROM added GROUP BY transaction_id, token HAVING sum(amount) <> 0 LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'ledger transaction % does not balance: % sums to %',
      fault.transaction_id, fault.token, fault.total
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  SELECT transaction_id INTO fault
    FROM added LEFT JOIN ledger_transactions AS transaction ON transaction.id = transaction_id
    WHERE transaction.id IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'there is no ledger transaction %', fault.transaction_id
      USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER ledger_entries_balanced
  AFTER INSERT ON ledger_entries REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION surehook_balanced_entries();

CREATE TRIGGER ledger_entries_append_only
  BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
  FOR EACH STATEMENT EXECUTE FUNCTION surehook_append_only();

CREATE TRIGGER ledger_accounts_append_only
  BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_accounts
  FOR EACH STATEMENT EXECUTE FUNCTION surehook_append_only();

CREATE TRIGGER ledger_transactions_append_only
  BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transactions
  FOR EACH STATEMENT EXECUTE FUNCTION surehook_append_only();

-- ── audit_logs: what people and the service did beside the deposits' own events ───────────────

CREATE TABLE audit_logs (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  action       text        NOT NULL,
  actor        text        NOT NULL,
  tenant_id    text,
  job_id       uuid,
  reason       text,
  details      jsonb       NOT NULL DEFAULT '{}',
  recorded_at  timestamptz NOT NULL
);

CREATE TRIGGER audit_logs_append_only
  BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_logs
  FOR EACH STATEMENT EXECUTE FUNCTION surehook_append_only();

-- ── processing_logs: the event log in the shape of the older design ───────────────────────────

CREATE VIEW processing_logs AS
  SELECT job_id,
         jsonb_agg(jsonb_build_object(
           'sequence', sequence, 'type', type, 'from_state', from_state, 'to_state', to_state,
           'actor', actor, 'recorded_at', recorded_at, 'data', data) ORDER BY sequence) AS log
    FROM deposit_events GROUP BY job_id;
