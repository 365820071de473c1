DROP TABLE deposit_addresses;
DROP TABLE webhook_messages;
ALTER TABLE funding_event_jobs DROP COLUMN provider_report;
