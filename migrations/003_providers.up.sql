-- What providers say of a transfer after their first word, the messages that they have sent, and the
-- addresses to which customers deposit.

-- Rows that are there already have the default: to check each of millions would only lock them all.
ALTER TABLE funding_event_jobs ADD COLUMN provider_report text NOT NULL DEFAULT 'seen';
ALTER TABLE funding_event_jobs ADD CONSTRAINT funding_event_jobs_provider_report
  CHECK (provider_report IN ('seen', 'confirmed', 'removed', 'dropped')) NOT VALID;

-- Messages that were handled: what a provider sends again, or somebody replays, changes nothing.
-- The same id with another body is another message.
CREATE TABLE webhook_messages (
  source          text        NOT NULL,
  message_id      text COLLATE "C" NOT NULL,
  payload_digest  bytea       NOT NULL CHECK (octet_length(payload_digest) = 32),
  received_at     timestamptz NOT NULL,
  PRIMARY KEY (source, message_id, payload_digest)
);

-- Serves the removal of those that no provider sends again.
CREATE INDEX webhook_messages_received ON webhook_messages (received_at);

-- Whose deposits come to an address. Canonical addresses, on Solana those of owners.
CREATE TABLE deposit_addresses (
  tenant_id          text        NOT NULL,
  chain              text        NOT NULL,
  address            text COLLATE "C" NOT NULL,
  -- How the customer's account is called by who registered the address.
  account_reference  text        NOT NULL CHECK (account_reference <> ''),
  registered_by      text        NOT NULL,
  registered_at      timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, chain, address)
);

-- Serves the list of one account's addresses.
CREATE INDEX deposit_addresses_account
  ON deposit_addresses (account_reference, tenant_id, chain, address);

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'surehook_service') THEN
    GRANT SELECT, INSERT, DELETE ON webhook_messages TO surehook_service;
    GRANT SELECT, INSERT ON deposit_addresses TO surehook_service;
  END IF;
EXCEPTION
  WHEN insufficient_privilege THEN
    RAISE NOTICE 'role surehook_service was not granted the new tables: %', SQLERRM;
END $$;
