DROP TABLE reconciliation_runs, seen_totals_cursor, seen_totals, scan_cursors, reconciliation_checks;
DROP INDEX deposit_addresses_chain;
DROP TRIGGER ledger_transactions_in_turn ON ledger_transactions;
DROP FUNCTION surehook_credits_in_turn;
DROP INDEX ledger_transactions_transfer;
ALTER TABLE ledger_transactions DROP COLUMN reverses_id, DROP COLUMN credit_number, DROP COLUMN kind;
CREATE UNIQUE INDEX ledger_transactions_transfer
  ON ledger_transactions (tx_hash, transfer_index, chain, tenant_id, environment);
DROP INDEX funding_event_jobs_may_come_back, funding_event_jobs_watching, funding_event_jobs_dlq;
DROP INDEX funding_event_jobs_claimable;
ALTER TABLE funding_event_jobs DROP COLUMN settled_because, DROP COLUMN lost_worker_count;
CREATE INDEX funding_event_jobs_claimable
  ON funding_event_jobs (priority DESC, (coalesce(next_retry_at, first_seen_at)))
  WHERE status = 'pending' OR sub_state = 'scheduled';
