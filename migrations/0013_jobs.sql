-- When each job of the service ran last, whichever of its processes led: what a night is due is made up for after the machine was off.

CREATE TABLE job_runs (
	name       text        CONSTRAINT job_runs_pk PRIMARY KEY,
	started_at timestamptz NOT NULL,
	ended_at   timestamptz,
	error      text,
	good_at    timestamptz
);
COMMENT ON COLUMN job_runs.ended_at IS 'null: it runs, or its process ended in the middle';
COMMENT ON COLUMN job_runs.error IS 'of the last run, as the log has it; null: it went well';
COMMENT ON COLUMN job_runs.good_at IS 'when it went well last';
