package load_test

// typedApplications are like moreApplications: domains, computed columns, and codes of types that can't have every text.
var typedApplications = map[string]application{
	"codes of other types": {
		tables: `CREATE DOMAIN code AS text CHECK (VALUE ~ '^[A-Z]+$'); CREATE TYPE color AS ENUM ('red', 'blue');
			CREATE TABLE sites (id serial PRIMARY KEY, token uuid NOT NULL UNIQUE, code code NOT NULL UNIQUE, color color NOT NULL UNIQUE);
			CREATE TABLE visits (site_id integer NOT NULL REFERENCES sites (id), number integer NOT NULL, PRIMARY KEY (site_id, number));
			CREATE TABLE calls (site_id integer NOT NULL REFERENCES sites (id), number integer NOT NULL, PRIMARY KEY (site_id, number));
			CREATE TABLE paints (color_id integer NOT NULL REFERENCES sites (id), number integer NOT NULL, PRIMARY KEY (color_id, number));
			CREATE TABLE letters (number integer PRIMARY KEY, token text);
			INSERT INTO sites (token, code, color) VALUES ('6f2c1a34-0d55-4a0b-9d36-0a7e9f1c2b3d', 'A', 'red'); INSERT INTO visits VALUES (1, 9); INSERT INTO calls VALUES (1, 9); INSERT INTO paints VALUES (1, 9)`,
		schema: `name: sites
sheets:
  - name: sites
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: token, type: text, required: true, unique: true}
      - {name: color, type: text, required: true, unique: true}
  - name: visits
    key: [site, number]
    columns:
      - {name: site, column: site_id, type: text, required: true, references: sites.token}
      - {name: number, type: integer, required: true}
  - name: calls
    key: [site, number]
    columns:
      - {name: site, column: site_id, type: text, required: true, references: sites.code}
      - {name: number, type: integer, required: true}
  - name: paints
    key: [color, number]
    columns:
      - {name: color, column: color_id, type: text, required: true, references: sites.color}
      - {name: number, type: integer, required: true}
  - name: letters
    key: number
    columns:
      - {name: number, type: integer, required: true}
      - {name: token, type: text, references: sites.token}
`,
		sheets: map[string][][]any{
			"Sites":   {{"Code", "Token", "Color"}, {"B", "6f2c1a34-0d55-4a0b-9d36-0a7e9f1c2b3e", "blue"}},
			"Visits":  {{"Site", "Number"}, {"6f2c1a34-0d55-4a0b-9d36-0a7e9f1c2b3e", 1}, {"none", 1}, {"6f2c1a34-0d55-4a0b-9d36-0a7e9f1c2b3d", 9}},
			"Calls":   {{"Site", "Number"}, {"B", 1}, {"none", 1}, {"A", 2}},
			"Paints":  {{"Color", "Number"}, {"blue", 1}, {"green", 1}, {"red", 2}},
			"Letters": {{"Number", "Token"}, {1, "none"}, {2, "6f2c1a34-0d55-4a0b-9d36-0a7e9f1c2b3d"}},
		},
		issues: []string{"Visits!A3 REFERENCE_MISSING", "Calls!A3 REFERENCE_MISSING", "Paints!A3 REFERENCE_MISSING", "Letters!B2 REFERENCE_MISSING"},
		query: `SELECT code::text, (SELECT count(*) FROM visits v WHERE v.site_id = s.id), (SELECT count(*) FROM calls c WHERE c.site_id = s.id), (SELECT count(*) FROM paints p WHERE p.color_id = s.id),
			(SELECT count(*) FROM letters l WHERE l.token = s.token::text) FROM sites s ORDER BY 1`,
		rows: "A 1 2 2 1, B 1 1 1 0",
	},
	"plain domains": {
		tables: `CREATE DOMAIN country AS char(2) CHECK (VALUE ~ '^[A-Z]{2}$'); CREATE DOMAIN home AS country CHECK (VALUE <> 'XX');
			CREATE TABLE offices (code text PRIMARY KEY, country country, home home)`,
		schema: `name: offices
sheets:
  - name: offices
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: country, type: text}
      - {name: home, type: text}
`,
		sheets: map[string][][]any{"Offices": {{"Code", "Country", "Home"}, {"a", "DE", "DE"}, {"b", "de", nil}, {"c", nil, "XX"}, {"d", nil, "x"}}},
		issues: []string{"Offices!B3 REFUSED_BY_DATABASE", "Offices!C4 REFUSED_BY_DATABASE", "Offices!C5 REFUSED_BY_DATABASE"},
		query:  `SELECT code, country::text, home::text FROM offices ORDER BY 1`,
		rows:   "a DE DE",
	},
	"computed": {
		tables: `CREATE TABLE offices (code text PRIMARY KEY, rent numeric(8, 2) NOT NULL, yearly numeric(8, 2) GENERATED ALWAYS AS (rent * 12) STORED)`,
		schema: `name: offices
sheets:
  - name: offices
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: rent, type: decimal, required: true}
`,
		sheets: map[string][][]any{"Offices": {{"Code", "Rent"}, {"a", 1}, {"b", "999999.99"}}},
		issues: []string{"Offices!3:3 REFUSED_BY_DATABASE"},
		query:  `SELECT code, yearly::text FROM offices ORDER BY 1`,
		rows:   "a 12.00",
	},
	"domains": {
		tables: `CREATE DOMAIN country AS char(2) CHECK (VALUE ~ '^[A-Z]{2}$'); CREATE DOMAIN home AS country CHECK (VALUE <> 'XX'); CREATE DOMAIN amount AS numeric(8, 2) CHECK (VALUE >= 0);
			CREATE TABLE offices (code text PRIMARY KEY, country country, home home, rent amount NOT NULL DEFAULT 0, tags text[] NOT NULL DEFAULT '{}',
				yearly numeric(8, 2) GENERATED ALWAYS AS (rent * 12) STORED, seats integer NOT NULL, CONSTRAINT spacious CHECK (1000 / seats > 1))`,
		schema: `name: offices
sheets:
  - name: offices
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: country, type: text}
      - {name: home, type: text}
      - {name: rent, type: decimal, required: true}
      - {name: seats, type: integer, required: true}
`,
		sheets: map[string][][]any{"Offices": {{"Code", "Country", "Home", "Rent", "Seats"}, {"a", "DE", "DE", "10.5", 3}, {"b", "de", nil, 1, 3}, {"c", nil, "XX", 1, 3}, {"d", "D", nil, 1, 3}, {"e", nil, nil, -1, 3},
			{"f", nil, nil, "999999.99", 3}, {"g", nil, nil, 1, 0}, {"h", nil, nil, 1, 900}, {"i", nil, nil, 0, 1}}},
		issues: []string{"Offices!3:3 REFUSED_BY_DATABASE", "Offices!4:4 REFUSED_BY_DATABASE", "Offices!5:5 REFUSED_BY_DATABASE", "Offices!6:6 REFUSED_BY_DATABASE", "Offices!7:7 REFUSED_BY_DATABASE", "Offices!8:8 REFUSED_BY_DATABASE",
			"Offices!E9 REFUSED_BY_DATABASE"},
		query: `SELECT code, country::text, rent::text, yearly::text FROM offices ORDER BY 1`,
		rows:  "a DE 10.50 126.00, i <nil> 0.00 0.00",
	},
}
