-- Where teams go or went: a member's month counts what was done there, whatever became of the team's markets since.
--
-- The release before this one works on this schema: what it lets a team go to stands in team_markets, which is read beside this.

CREATE TABLE team_grounds (
	market_id uuid NOT NULL CONSTRAINT team_grounds_market REFERENCES markets,
	team_code text NOT NULL CONSTRAINT team_grounds_team REFERENCES teams,
	CONSTRAINT team_grounds_pk PRIMARY KEY (market_id, team_code)
);
CREATE INDEX team_grounds_by_team ON team_grounds (team_code);
COMMENT ON TABLE team_grounds IS 'markets that a team was ever let go to, or in which a visit was on its behalf';
INSERT INTO team_grounds (market_id, team_code)
	SELECT market_id, team_code FROM team_markets
	UNION SELECT DISTINCT v.market_id, v.team_code FROM visits v JOIN teams t ON t.code = v.team_code;
