-- What the reconciler needs: credits that can be taken back, jobs that come back, work that is fair
-- between tenants, how far each chain was scanned, and what was seen against what was booked.

-- ── Jobs ──────────────────────────────────────────────────────────────────────────────────────

ALTER TABLE funding_event_jobs
  ADD COLUMN lost_worker_count integer NOT NULL DEFAULT 0,
  ADD COLUMN settled_because text;
-- Rows that are there already have the defaults: to check each of millions would only lock them all.
ALTER TABLE funding_event_jobs ADD CONSTRAINT funding_event_jobs_settled_because
  CHECK (settled_because IN ('not_seen', 'reversed', 'reverted', 'discarded')) NOT VALID;

-- Serves the claim of work, tenant by tenant: the highest priority first, then the longest due.
DROP INDEX funding_event_jobs_claimable;
CREATE INDEX funding_event_jobs_claimable
  ON funding_event_jobs (tenant_id, priority DESC, (coalesce(next_retry_at, first_seen_at)))
  WHERE status = 'pending' OR sub_state = 'scheduled';

-- Each serves one question of the reconciler, and the first the operators' list of dead letters.
CREATE INDEX funding_event_jobs_dlq ON funding_event_jobs (id) WHERE status = 'dlq';
CREATE INDEX funding_event_jobs_watching ON funding_event_jobs (id) WHERE sub_state = 'watching';
CREATE INDEX funding_event_jobs_may_come_back ON funding_event_jobs (id)
  WHERE settled_because IN ('not_seen', 'reversed', 'reverted');

-- ── The ledger: a credit can be reversed, and the transfer credited again, once ───────────────

ALTER TABLE ledger_transactions
  ADD COLUMN kind text NOT NULL DEFAULT 'credit' CHECK (kind IN ('credit', 'reversal')),
  -- How often the transfer has been credited, this time included. A reversal has its credit's number.
  ADD COLUMN credit_number integer NOT NULL DEFAULT 1 CHECK (credit_number >= 1),
  ADD COLUMN reverses_id uuid,
  ADD CONSTRAINT ledger_transactions_reversal CHECK ((kind = 'reversal') = (reverses_id IS NOT NULL));

-- Exactly once: the nth credit of a transfer is made at most once, and reversed at most once. The
-- trigger below has the rest: there is no credit n + 1 before credit n was reversed.
DROP INDEX ledger_transactions_transfer;
CREATE UNIQUE INDEX ledger_transactions_transfer ON ledger_transactions
  (tx_hash, transfer_index, chain, tenant_id, environment, credit_number, kind);

-- Serves the question whether a credit stands.
CREATE INDEX ledger_transactions_reverses ON ledger_transactions (reverses_id)
  WHERE reverses_id IS NOT NULL;

CREATE FUNCTION surehook_credits_in_turn() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE fault record;
BEGIN
  SELECT id, kind, credit_number INTO fault FROM added
    WHERE (kind = 'reversal' OR credit_number > 1)
      AND NOT EXISTS (
        SELECT FROM ledger_transactions AS before
        WHERE before.tx_hash = added.tx_hash AND before.transfer_index = added.transfer_index
          AND before.chain = added.chain AND before.tenant_id = added.tenant_id
          AND before.environment = added.environment
          AND CASE added.kind
                WHEN 'reversal' THEN before.kind = 'credit' AND before.id = added.reverses_id
                  AND before.credit_number = added.credit_number
                ELSE before.kind = 'reversal' AND before.credit_number = added.credit_number - 1
              END)
    LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'ledger transaction % is % % of its transfer, before its turn',
      fault.id, fault.kind, fault.credit_number
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER ledger_transactions_in_turn
  AFTER INSERT ON ledger_transactions REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION surehook_credits_in_turn();

-- Serves the look-up of an address whoever has registered it, and the scan of a chain.
CREATE INDEX deposit_addresses_chain ON deposit_addresses (chain, address);

-- ── The reconciler's own notes: how far it is. None of it is history ──────────────────────────

-- The jobs that are to be looked at again. Who takes one moves `due_at` ahead, and so holds it.
CREATE TABLE reconciliation_checks (
  job_id         uuid        PRIMARY KEY,
  due_at         timestamptz NOT NULL,
  -- Since when the chain does not show what was credited; null while it does.
  missing_since  timestamptz,
  -- A scan has found its transfer on chain, whatever has ended it.
  is_on_chain    boolean     NOT NULL DEFAULT false,
  -- Looks in a row of which nothing was heard: after three of them nobody risks another.
  lost_count     integer     NOT NULL DEFAULT 0
);
CREATE INDEX reconciliation_checks_due ON reconciliation_checks (due_at);

-- How far each watched chain was scanned for transfers.
CREATE TABLE scan_cursors (
  chain          text        PRIMARY KEY,
  -- All blocks up to this one were final when they were read, and are not read again.
  scanned_to     bigint      NOT NULL,
  -- All up to this one were read, and those above scanned_to all at once at this time.
  read_to        bigint      NOT NULL,
  read_again_at  timestamptz NOT NULL,
  -- Who scans holds the chain until then.
  claimed_by     text,
  claimed_until  timestamptz,
  updated_at     timestamptz NOT NULL
);

-- What the chain validator saw, summed from the event log up to a place in its feed.
CREATE TABLE seen_totals (
  address              text    NOT NULL,
  chain                text    NOT NULL,
  tenant_id            text    NOT NULL,
  environment          text    NOT NULL,
  token                text    NOT NULL,
  amount               numeric NOT NULL,
  -- The ledger's difference from it that was told last.
  reported_difference  numeric NOT NULL DEFAULT 0,
  PRIMARY KEY (address, chain, tenant_id, environment, token)
);
CREATE INDEX seen_totals_differing ON seen_totals (address, chain) WHERE reported_difference <> 0;
CREATE TABLE seen_totals_cursor (
  singleton       boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  transaction_id  xid8    NOT NULL,
  position        bigint  NOT NULL,
  -- The account after which the next pass compares those that are compared in turn.
  compared_to     uuid    NOT NULL
);
INSERT INTO seen_totals_cursor (transaction_id, position, compared_to)
  VALUES ('0', 0, '00000000-0000-0000-0000-000000000000');

-- One row a pass.
CREATE TABLE reconciliation_runs (
  id            uuid        PRIMARY KEY,
  started_by    text        NOT NULL,
  started_at    timestamptz NOT NULL,
  completed_at  timestamptz,
  -- What it did, as JSON: see src/reconciler/pass-report.ts. Null while it runs, or if it was lost.
  report        jsonb
);
CREATE INDEX reconciliation_runs_completed ON reconciliation_runs (completed_at);

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'surehook_service') THEN
    GRANT SELECT, INSERT, UPDATE, DELETE ON reconciliation_checks TO surehook_service;
    GRANT SELECT, INSERT, UPDATE ON scan_cursors, seen_totals, seen_totals_cursor,
      reconciliation_runs TO surehook_service;
  END IF;
EXCEPTION
  WHEN insufficient_privilege THEN
    RAISE NOTICE 'role surehook_service was not granted the new tables: %', SQLERRM;
END $$;
