package load_test

// tenantApplications are like publicApplications: sequences of Hibernate without defaults, tenants with keys of several columns as Ecto
// makes them, policies and triggers as for Supabase, and partitions by tenant.
var tenantApplications = map[string]application{
	"Spring": {
		tables: `CREATE SEQUENCE customer_seq START WITH 1 INCREMENT BY 50; CREATE SEQUENCE hibernate_sequence; CREATE SCHEMA sales; CREATE SEQUENCE sales."Invoice_SEQ" INCREMENT BY 50;
			CREATE TABLE customer (id bigint NOT NULL, number varchar(20) NOT NULL, name varchar(255) NOT NULL, version integer NOT NULL, status varchar(20) NOT NULL, created timestamp(6) with time zone NOT NULL, referred_by_id bigint,
				CONSTRAINT pk_customer PRIMARY KEY (id), CONSTRAINT customer_status_check CHECK ((status)::text = ANY ((ARRAY['ACTIVE'::varchar, 'CLOSED'::varchar])::text[])));
			ALTER TABLE IF EXISTS customer ADD CONSTRAINT uk_customer_number UNIQUE (number); ALTER TABLE customer ADD CONSTRAINT fk_referrer FOREIGN KEY (referred_by_id) REFERENCES customer;
			CREATE TABLE address (id bigint NOT NULL PRIMARY KEY, customer_id bigint NOT NULL, kind smallint NOT NULL CHECK (kind BETWEEN 0 AND 2), street varchar(255), CONSTRAINT uk_address UNIQUE (customer_id, kind),
				CONSTRAINT fk_address_customer FOREIGN KEY (customer_id) REFERENCES customer (id));
			CREATE TABLE sales.invoice (id bigint NOT NULL PRIMARY KEY, no integer NOT NULL UNIQUE, customer_id bigint NOT NULL REFERENCES customer, total numeric(38, 2));
			INSERT INTO customer SELECT nextval('customer_seq'), 'C1', 'Ash', 0, 'ACTIVE', now()`,
		schema: `name: sales
sheets:
  - name: customers
    table: customer
    key: number
    columns:
      - {name: number, type: text, required: true}
      - {name: name, type: text, required: true}
      - {name: status, type: text, required: true}
      - {name: referred_by, column: referred_by_id, type: text, references: customers.number}
      - {name: id, type: integer, generate: sequence, sequence: customer_seq}
      - {name: created, type: datetime, generate: created}
      - {name: version, type: integer, constant: "0"}
  - name: addresses
    table: address
    key: [customer, kind]
    columns:
      - {name: customer, column: customer_id, type: text, required: true, references: customers.number}
      - {name: kind, type: integer, required: true}
      - {name: street, type: text}
      - {name: id, type: integer, generate: sequence, sequence: hibernate_sequence}
  - name: invoices
    table: sales.invoice
    key: no
    columns:
      - {name: no, type: integer, required: true}
      - {name: customer, column: customer_id, type: text, required: true, references: customers.number}
      - {name: total, type: decimal}
      - {name: id, type: integer, generate: sequence, sequence: 'sales."Invoice_SEQ"'}
`,
		sheets: map[string][][]any{
			"Customers": {{"Number", "Name", "Status", "Referred by"}, {"C1", "Ash", "CLOSED", "C3"}, {"C2", "Birch", "GONE", nil}, {"C3", "Cedar", "ACTIVE", "C4"}, {"C4", "Dogwood", "ACTIVE", nil}},
			"Addresses": {{"Customer", "Kind", "Street"}, {"C1", 0, "Main"}, {"C1", 1, "West"}, {"C3", 3, "Far"}, {"C2", 1, "Gone"}},
			"Invoices":  {{"No", "Customer", "Total"}, {1, "C3", "1.50"}, {2, "C4", "0.001"}},
		},
		issues: []string{"Customers!C3 REFUSED_BY_DATABASE", "Addresses!B4 REFUSED_BY_DATABASE", "Addresses!A5 REFERENCE_BLOCKED", "Invoices!C3 PRECISION_LOST"},
		query:  `SELECT c.id, c.number, c.status, r.number, a.kind, i.id FROM customer c LEFT JOIN customer r ON r.id = c.referred_by_id LEFT JOIN address a ON a.customer_id = c.id LEFT JOIN sales.invoice i ON i.customer_id = c.id ORDER BY 1, 5`,
		rows:   `1 C1 CLOSED C3 0 <nil>, 1 C1 CLOSED C3 1 <nil>, 51 C4 ACTIVE <nil> <nil> <nil>, 101 C3 ACTIVE C4 <nil> 1`,
	},
	"Ecto tenants": {
		tables: `CREATE EXTENSION citext; CREATE TYPE task_state AS ENUM ('open', 'done');
			CREATE TABLE orgs (id bigserial PRIMARY KEY, slug citext NOT NULL, inserted_at timestamp(0) NOT NULL, updated_at timestamp(0) NOT NULL); CREATE UNIQUE INDEX orgs_slug_index ON orgs (slug);
			CREATE TABLE projects (id bigserial PRIMARY KEY, org_id bigint NOT NULL CONSTRAINT projects_org_id_fkey REFERENCES orgs (id), name varchar(255) NOT NULL, code varchar(10) NOT NULL, archived_at timestamp(0));
			CREATE UNIQUE INDEX projects_id_org_id_index ON projects (id, org_id); CREATE UNIQUE INDEX projects_code ON projects (code) WHERE archived_at IS NULL;
			CREATE TABLE tasks (id bigserial PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs (id), project_id bigint NOT NULL, number integer NOT NULL, state task_state NOT NULL DEFAULT 'open', position numeric, parent_id bigint,
				inserted_at timestamp(0) NOT NULL, updated_at timestamp(0) NOT NULL, CONSTRAINT tasks_key UNIQUE (id, org_id),
				CONSTRAINT tasks_project_id_fkey FOREIGN KEY (project_id, org_id) REFERENCES projects (id, org_id) MATCH FULL, CONSTRAINT tasks_parent_id_fkey FOREIGN KEY (parent_id, org_id) REFERENCES tasks (id, org_id) DEFERRABLE);
			CREATE UNIQUE INDEX tasks_number ON tasks (org_id, number);
			INSERT INTO orgs (slug, inserted_at, updated_at) VALUES ('Acme', now(), now()), ('Bolt', now(), now()); INSERT INTO projects (org_id, name, code, archived_at) VALUES (1, 'Old', 'WEB', now()), (2, 'Bolts', 'BLT', NULL)`,
		schema: `name: tasks
sheets:
  - name: orgs
    key: slug
    columns:
      - {name: slug, type: text, required: true}
      - {name: inserted_at, type: datetime, generate: created}
      - {name: updated_at, type: datetime, generate: updated}
  - name: projects
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: org, column: org_id, type: text, required: true, references: orgs.slug}
      - {name: name, type: text, required: true}
  - name: tasks
    key: [org, number]
    columns:
      - {name: org, column: org_id, type: text, required: true, references: orgs.slug}
      - {name: number, type: integer, required: true}
      - {name: project, column: project_id, type: text, required: true, references: projects.code}
      - {name: state, type: enum, allowed: [open, done]}
      - {name: inserted_at, type: datetime, generate: created}
      - {name: updated_at, type: datetime, generate: updated}
`,
		sheets: map[string][][]any{
			"Orgs":     {{"Slug"}, {"ACME"}, {"cord"}},
			"Projects": {{"Code", "Org", "Name"}, {"WEB", "acme", "Web"}, {"APP", "Cord", "App"}, {"LONGER-THAN-10", "cord", "Long"}},
			"Tasks":    {{"Org", "Number", "Project", "State"}, {"acme", 1, "WEB", "open"}, {"CORD", 1, "APP", "done"}, {"cord", 1, "APP", "open"}, {"acme", 2, "APP", "open"}, {"bolt", 2, "BLT", "late"}, {"bolt", 3, "BLT", nil}},
		},
		issues: []string{"Projects!A4 LENGTH", "Tasks!A4 DUPLICATE_IN_FILE", "Tasks!5:5 REFUSED_BY_DATABASE", "Tasks!D6 NOT_ALLOWED", "Tasks!D7 REQUIRED"},
		query:  `SELECT o.slug::text, number, p.name, p.code FROM tasks t JOIN orgs o ON o.id = t.org_id JOIN projects p ON p.id = t.project_id ORDER BY 1, 2`,
		rows:   "Acme 1 Web WEB, cord 1 App APP",
	},
	"Supabase": {
		tables: `CREATE SCHEMA auth; CREATE TABLE auth.users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email varchar(255)); CREATE UNIQUE INDEX users_email_partial_key ON auth.users (email) WHERE email IS NOT NULL;
			INSERT INTO auth.users (email) VALUES (NULL), ('ann@x.example');
			CREATE TABLE profiles (id uuid PRIMARY KEY REFERENCES auth.users ON DELETE CASCADE, handle text UNIQUE, updated_at timestamptz, CONSTRAINT handle_length CHECK (char_length(handle) >= 3));
			CREATE TABLE todos (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner uuid NOT NULL REFERENCES profiles (id), slug text NOT NULL, tags jsonb NOT NULL DEFAULT '[]', done boolean NOT NULL DEFAULT false, search tsvector GENERATED ALWAYS AS (to_tsvector('simple', slug)) STORED,
				created_at timestamptz NOT NULL DEFAULT timezone('utc', now()), UNIQUE (owner, slug));
			CREATE FUNCTION handle_new_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$ BEGIN INSERT INTO public.audit (what) VALUES (new.email); RETURN new; END $$;
			CREATE TABLE audit (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, what text NOT NULL UNIQUE);
			CREATE TRIGGER on_auth_user_created AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION handle_new_user();
			CREATE FUNCTION moddatetime() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.updated_at = now(); RETURN new; END $$; CREATE TRIGGER handle_updated_at BEFORE UPDATE ON profiles FOR EACH ROW EXECUTE FUNCTION moddatetime();
			CREATE FUNCTION notify_todos() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('todos', (SELECT count(*)::text FROM added)); RETURN NULL; END $$;
			CREATE TRIGGER todos_changed AFTER INSERT ON todos REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION notify_todos();
			ALTER TABLE profiles ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON profiles USING (false)`,
		schema: `name: todos
sheets:
  - name: users
    table: auth.users
    key: email
    columns:
      - {name: email, type: email, required: true}
  - name: profiles
    key: user
    columns:
      - {name: user, column: id, type: email, required: true, references: users.email}
      - {name: handle, type: text, unique: true}
  - name: todos
    key: [owner, slug]
    columns:
      - {name: owner, type: email, required: true, references: profiles.user}
      - {name: slug, type: text, required: true}
      - {name: tags, type: text, required: true}
      - {name: done, type: boolean, required: true}
`,
		sheets: map[string][][]any{
			"Users":    {{"Email"}, {"ann@x.example"}, {"ben@x.example"}},
			"Profiles": {{"User", "Handle"}, {"ann@x.example", "ann"}, {"ben@x.example", "be"}, {"cleo@x.example", "cleo"}},
			"Todos":    {{"Owner", "Slug", "Tags", "Done"}, {"ann@x.example", "one", `["a", "b"]`, true}, {"ann@x.example", "two", "[a]", false}, {"ben@x.example", "one", "[]", false}},
		},
		issues: []string{"Profiles!B3 REFUSED_BY_DATABASE", "Profiles!A4 REFERENCE_MISSING", "Todos!C3 PATTERN", "Todos!A4 REFERENCE_BLOCKED"},
		query:  `SELECT email, handle, slug, tags::text, search::text, what FROM todos t JOIN profiles p ON p.id = owner JOIN auth.users u ON u.id = p.id FULL JOIN audit ON true ORDER BY 1, 6`,
		rows:   `ann@x.example ann one ["a", "b"] 'one':1 ben@x.example`,
	},
	"partitions by tenant": {
		tables: `CREATE TABLE tenants (id integer PRIMARY KEY, name text NOT NULL UNIQUE);
			CREATE TABLE events (tenant_id integer NOT NULL REFERENCES tenants (id), at timestamptz NOT NULL, code text NOT NULL, deleted boolean NOT NULL DEFAULT false, source_id integer, payload jsonb) PARTITION BY LIST (tenant_id);
			CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1) PARTITION BY RANGE (at);
			CREATE TABLE events_1_2024 PARTITION OF events_1 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); CREATE TABLE events_1_later PARTITION OF events_1 FOR VALUES FROM ('2025-01-01') TO (MAXVALUE);
			CREATE TABLE events_others PARTITION OF events DEFAULT; CREATE UNIQUE INDEX ON events (tenant_id, at, code) WHERE NOT deleted;
			INSERT INTO tenants VALUES (1, 'acme'), (2, 'bolt'); INSERT INTO events (tenant_id, at, code, deleted) VALUES (1, '2024-03-01 00:00+00', 'a', true), (1, '2024-03-01 00:00+00', 'a', false), (2, '2024-03-01 00:00+00', 'a', false)`,
		schema: `name: events
sheets:
  - name: tenants
    key: name
    columns:
      - {name: name, type: text, required: true}
      - {name: id, type: integer, required: true, unique: true}
  - name: events
    key: [tenant, at, code]
    columns:
      - {name: tenant, column: tenant_id, type: text, required: true, references: tenants.name}
      - {name: at, type: datetime, zone: UTC, required: true}
      - {name: code, type: text, required: true}
      - {name: payload, type: text}
`,
		sheets: map[string][][]any{
			"Tenants": {{"Name", "ID"}, {"acme", 1}, {"cord", 3}, {"dorn", 1}},
			"Events": {{"Tenant", "At", "Code", "Payload"}, {"acme", "2024-03-01", "a", `{"n": 1}`}, {"acme", "2023-03-01", "a", nil}, {"acme", "2026-03-01", "b", nil}, {"cord", "2023-03-01", "a", nil}, {"bolt", "2024-03-01", "a", nil},
				{"dorn", "2024-03-01", "a", nil}},
		},
		issues: []string{"Tenants!B4 DUPLICATE_IN_FILE", "Events!3:3 REFUSED_BY_DATABASE", "Events!A7 REFERENCE_BLOCKED"},
		query:  `SELECT e.tableoid::regclass::text, t.name, at::date::text, code, deleted, payload::text FROM events e JOIN tenants t ON t.id = tenant_id ORDER BY 1, 2, 3, 4, 5`,
		rows:   `events_1_2024 acme 2024-03-01 a false {"n": 1}, events_1_2024 acme 2024-03-01 a true <nil>, events_1_later acme 2026-03-01 b false <nil>, events_others bolt 2024-03-01 a false <nil>, events_others cord 2023-03-01 a false <nil>`,
	},
}
