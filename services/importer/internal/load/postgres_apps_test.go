package load_test

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"headway/services/importer/internal/infer"
	"headway/services/importer/internal/load"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/targets"
)

// application is a database as the tool of an application framework makes it, with all constraints, and a workbook for it.
type application struct {
	tables, schema string
	sheets         map[string][][]any
	// issues are those of the first import, and rows what a query finds after it.
	issues      []string
	query, rows string
}

// The tables have the types, names, defaults, and constraints of applications that are public: the teams of a help desk
// (Rails), the stock of a shop (Django), and the teams of a scheduling service (Prisma).
var applications = map[string]application{
	"Rails": {
		tables: `CREATE TABLE accounts (id serial PRIMARY KEY, name character varying NOT NULL, created_at timestamp without time zone NOT NULL, updated_at timestamp without time zone NOT NULL,
				locale integer DEFAULT 0, domain character varying(100), feature_flags bigint DEFAULT 0 NOT NULL, settings jsonb DEFAULT '{}', status integer DEFAULT 0);
			CREATE UNIQUE INDEX index_accounts_on_domain ON accounts USING btree (domain);
			CREATE TABLE users (id bigserial PRIMARY KEY, email character varying NOT NULL, type character varying, custom_attributes jsonb DEFAULT '{}',
				created_at timestamp(6) without time zone NOT NULL, updated_at timestamp(6) without time zone NOT NULL, deleted_at timestamp(6) without time zone);
			CREATE UNIQUE INDEX index_users_on_email ON users USING btree (email);
			CREATE UNIQUE INDEX index_users_on_lower_email ON users USING btree (lower((email)::text)) WHERE (deleted_at IS NULL);
			CREATE TABLE account_users (id bigserial PRIMARY KEY, account_id bigint NOT NULL, user_id bigint NOT NULL, role integer DEFAULT 0, inviter_id bigint,
				created_at timestamp(6) without time zone NOT NULL, updated_at timestamp(6) without time zone NOT NULL, active_at timestamp without time zone,
				CONSTRAINT fk_rails_account FOREIGN KEY (account_id) REFERENCES accounts (id), CONSTRAINT fk_rails_user FOREIGN KEY (user_id) REFERENCES users (id),
				CONSTRAINT fk_rails_inviter FOREIGN KEY (inviter_id) REFERENCES users (id));
			CREATE UNIQUE INDEX uniq_user_id_per_account_id ON account_users USING btree (account_id, user_id);
			INSERT INTO accounts (id, name, domain, created_at, updated_at) VALUES (7, 'Old', 'old.example', '2020-01-01', '2020-01-01');
			INSERT INTO users (id, email, created_at, updated_at) VALUES (9, 'old@old.example', '2020-01-01', '2020-01-01');
			INSERT INTO account_users (account_id, user_id, role, created_at, updated_at) VALUES (7, 9, 1, '2020-01-01', '2020-01-01');
			SELECT setval('accounts_id_seq', 100), setval('users_id_seq', 100)`,
		schema: `name: desk
sheets:
  - name: accounts
    key: domain
    columns:
      - {name: domain, type: text, required: true}
      - {name: name, type: text, required: true}
      - {name: created_at, type: datetime, generate: created}
      - {name: updated_at, type: datetime, generate: updated}
  - name: users
    key: email
    columns:
      - {name: email, type: email, required: true}
      - {name: type, type: text, constant: Agent}
      - {name: created_at, type: datetime, generate: created}
      - {name: updated_at, type: datetime, generate: updated}
  - name: members
    table: account_users
    key: [account, user]
    columns:
      - {name: account, column: account_id, type: text, required: true, references: accounts.domain}
      - {name: user, column: user_id, type: email, required: true, references: users.email}
      - {name: inviter, column: inviter_id, type: email, references: users.email}
      - {name: role, type: integer}
      - {name: active_at, type: datetime, zone: Europe/Berlin}
      - {name: created_at, type: datetime, generate: created}
      - {name: updated_at, type: datetime, generate: updated}
`,
		sheets: map[string][][]any{
			"Accounts": {{"Domain", "Name"}, {"new.example", "New"}, {"old.example", "Old"}},
			"Users":    {{"Email"}, {"ann@new.example"}, {"OLD@old.example"}, {"old@old.example"}},
			"Members": {{"Account", "User", "Inviter", "Role", "Active at"}, {"new.example", "ann@new.example", "old@old.example", 0, "2024-07-01 12:00"},
				{"old.example", "old@old.example", nil, 2, nil}, {"gone.example", "ann@new.example", nil, 0, nil}, {"old.example", "ann@new.example", nil, 1, nil}, {"old.example", "OLD@old.example", nil, 1, nil}},
		},
		issues: []string{"Users!3:3 REFUSED_BY_DATABASE", "Members!A4 REFERENCE_MISSING", "Members!B6 REFERENCE_BLOCKED"},
		query: `SELECT a.domain, u.email, i.email, role, active_at::text, m.created_at > '2021-01-01', m.updated_at > '2021-01-01', u.type FROM account_users m
			JOIN accounts a ON a.id = account_id JOIN users u ON u.id = user_id LEFT JOIN users i ON i.id = inviter_id ORDER BY 1, 2`,
		rows: "new.example ann@new.example old@old.example 0 2024-07-01 10:00:00 true true Agent, old.example ann@new.example <nil> 1 <nil> true true Agent, " +
			"old.example old@old.example <nil> 2 <nil> false true <nil>",
	},
	"Django": {
		tables: `CREATE TABLE "warehouse_warehouse" ("id" uuid NOT NULL PRIMARY KEY, "name" varchar(250) NOT NULL, "slug" varchar(255) NOT NULL UNIQUE, "email" varchar(254) NOT NULL,
				"is_private" boolean NOT NULL, "metadata" jsonb NULL, "created_at" timestamp with time zone NOT NULL);
			CREATE INDEX "warehouse_warehouse_slug_like" ON "warehouse_warehouse" ("slug" varchar_pattern_ops);
			CREATE TABLE "product_productvariant" ("id" integer NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "sku" varchar(255) NULL UNIQUE, "price" numeric(12, 3) NULL,
				"sort_order" integer NULL, "updated_at" timestamp with time zone NOT NULL);
			CREATE TABLE "warehouse_stock" ("id" bigint NOT NULL PRIMARY KEY GENERATED ALWAYS AS IDENTITY, "quantity" integer NOT NULL CHECK ("quantity" >= 0), "quantity_allocated" integer NOT NULL,
				"product_variant_id" integer NOT NULL, "warehouse_id" uuid NOT NULL);
			ALTER TABLE "warehouse_stock" ADD CONSTRAINT "warehouse_stock_uniq" UNIQUE ("warehouse_id", "product_variant_id");
			ALTER TABLE "warehouse_stock" ADD CONSTRAINT "stock_variant_fk" FOREIGN KEY ("product_variant_id") REFERENCES "product_productvariant" ("id") DEFERRABLE INITIALLY DEFERRED;
			ALTER TABLE "warehouse_stock" ADD CONSTRAINT "stock_warehouse_fk" FOREIGN KEY ("warehouse_id") REFERENCES "warehouse_warehouse" ("id") DEFERRABLE INITIALLY DEFERRED;
			CREATE INDEX "stock_warehouse_idx" ON "warehouse_stock" ("warehouse_id")`,
		schema: `name: shop
sheets:
  - name: warehouses
    table: warehouse_warehouse
    key: slug
    columns:
      - {name: slug, type: text, required: true}
      - {name: name, type: text, required: true}
      - {name: email, type: email, required: true}
      - {name: id, type: text, generate: uuid}
      - {name: is_private, type: boolean, constant: "true"}
      - {name: created_at, type: datetime, generate: created}
  - name: variants
    table: product_productvariant
    key: sku
    columns:
      - {name: sku, type: text, required: true}
      - {name: price, type: decimal}
      - {name: updated_at, type: datetime, generate: updated}
  - name: stock
    table: warehouse_stock
    key: [warehouse, sku]
    columns:
      - {name: warehouse, column: warehouse_id, type: text, required: true, references: warehouses.slug}
      - {name: sku, column: product_variant_id, type: text, required: true, references: variants.sku}
      - {name: quantity, type: integer, required: true}
      - {name: quantity_allocated, type: integer, constant: "0"}
`,
		sheets: map[string][][]any{
			"Warehouses": {{"Slug", "Name", "Email"}, {"north", "North", "n@shop.example"}, {"south", "South", "s@shop.example"}},
			"Variants":   {{"SKU", "Price"}, {"a", 1.125}, {"b", 1.1255}},
			"Stock":      {{"Warehouse", "SKU", "Quantity"}, {"north", "a", 5}, {"south", "a", -1}, {"north", "b", 2}, {"south", "a", 3}, {"west", "a", 1}},
		},
		issues: []string{"Variants!B3 PRECISION_LOST", "Stock!B4 REFERENCE_BLOCKED", "Stock!A6 REFERENCE_MISSING", "Stock!A5 DUPLICATE_IN_FILE", "Stock!C3 REFUSED_BY_DATABASE"},
		query:  `SELECT w.slug, v.sku, quantity, quantity_allocated, is_private FROM warehouse_stock s JOIN warehouse_warehouse w ON w.id = warehouse_id JOIN product_productvariant v ON v.id = product_variant_id ORDER BY 1`,
		rows:   "north a 5 0 true",
	},
	"Prisma": {
		tables: `CREATE TYPE "MembershipRole" AS ENUM ('MEMBER', 'ADMIN', 'OWNER');
			CREATE TABLE "Team" ("id" TEXT NOT NULL, "name" TEXT NOT NULL, "slug" TEXT, "parentId" TEXT, "metadata" JSONB, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
				"updatedAt" TIMESTAMP(3) NOT NULL, CONSTRAINT "Team_pkey" PRIMARY KEY ("id"));
			CREATE TABLE "User" ("id" SERIAL NOT NULL, "email" TEXT NOT NULL, "timeZone" TEXT NOT NULL DEFAULT 'Europe/London', "tags" TEXT[], CONSTRAINT "User_pkey" PRIMARY KEY ("id"));
			CREATE TABLE "Membership" ("id" TEXT NOT NULL, "teamId" TEXT NOT NULL, "userId" INTEGER NOT NULL, "accepted" BOOLEAN NOT NULL DEFAULT false, "role" "MembershipRole" NOT NULL,
				CONSTRAINT "Membership_pkey" PRIMARY KEY ("id"));
			CREATE TABLE "_TeamToUser" ("A" TEXT NOT NULL, "B" INTEGER NOT NULL);
			CREATE UNIQUE INDEX "Team_slug_key" ON "Team" ("slug"); CREATE UNIQUE INDEX "User_email_key" ON "User" ("email");
			CREATE UNIQUE INDEX "Membership_userId_teamId_key" ON "Membership" ("userId", "teamId"); CREATE UNIQUE INDEX "_TeamToUser_AB_unique" ON "_TeamToUser" ("A", "B");
			CREATE INDEX "_TeamToUser_B_index" ON "_TeamToUser" ("B");
			ALTER TABLE "Team" ADD CONSTRAINT "Team_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES "Team" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
			ALTER TABLE "Membership" ADD CONSTRAINT "Membership_teamId_fkey" FOREIGN KEY ("teamId") REFERENCES "Team" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
			ALTER TABLE "Membership" ADD CONSTRAINT "Membership_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
			ALTER TABLE "_TeamToUser" ADD CONSTRAINT "_TeamToUser_A_fkey" FOREIGN KEY ("A") REFERENCES "Team" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
			ALTER TABLE "_TeamToUser" ADD CONSTRAINT "_TeamToUser_B_fkey" FOREIGN KEY ("B") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE`,
		schema: `name: calendar
sheets:
  - name: teams
    table: '"Team"'
    key: slug
    columns:
      - {name: slug, type: text, required: true}
      - {name: name, type: text, required: true}
      - {name: parent, column: parentId, type: text, references: teams.slug}
      - {name: id, type: text, generate: uuid}
      - {name: updated_at, column: updatedAt, type: datetime, generate: updated}
  - name: users
    table: '"User"'
    key: email
    columns:
      - {name: email, type: email, required: true}
  - name: members
    table: '"Membership"'
    key: [team, user]
    columns:
      - {name: team, column: teamId, type: text, required: true, references: teams.slug}
      - {name: user, column: userId, type: email, required: true, references: users.email}
      - {name: role, type: text, required: true}
      - {name: id, type: text, generate: uuid}
  - name: fans
    table: '"_TeamToUser"'
    key: [team, user]
    columns:
      - {name: team, column: A, type: text, required: true, references: teams.slug}
      - {name: user, column: B, type: email, required: true, references: users.email}
`,
		sheets: map[string][][]any{
			"Teams":   {{"Slug", "Name", "Parent"}, {"web", "Web", "it"}, {"it", "IT", nil}},
			"Users":   {{"Email"}, {"ann@example.com"}, {"ben@example.com"}},
			"Members": {{"Team", "User", "Role"}, {"web", "ann@example.com", "OWNER"}, {"it", "ann@example.com", "BOSS"}, {"it", "ben@example.com", "MEMBER"}},
			"Fans":    {{"Team", "User"}, {"it", "ann@example.com"}, {"web", "cat@example.com"}},
		},
		issues: []string{"Members!C3 NOT_ALLOWED", "Fans!B3 REFERENCE_MISSING"},
		query: `SELECT t.slug, p.slug, u.email, role::text, (SELECT count(*) FROM "_TeamToUser" WHERE "A" = t.id) FROM "Membership" m JOIN "Team" t ON t.id = "teamId" LEFT JOIN "Team" p ON p.id = t."parentId"
			JOIN "User" u ON u.id = "userId" ORDER BY 1`,
		rows: "it <nil> ben@example.com MEMBER 1, web it ann@example.com OWNER 0",
	},
}

func allApplications() map[string]application {
	all := maps.Clone(applications)
	maps.Copy(all, publicApplications)
	maps.Copy(all, enterpriseApplications)
	maps.Copy(all, moreApplications)
	maps.Copy(all, typedApplications)
	maps.Copy(all, deletingApplications)
	maps.Copy(all, tenantApplications)
	maps.Copy(all, companyApplications)
	return all
}

func TestTablesOfApplicationsAreFilled(t *testing.T) {
	for name, a := range allApplications() {
		t.Run(name, func(t *testing.T) {
			b := setupPostgres(t, a.schema)
			b.exec(a.tables)
			test := b.task(sheetsOf(t, a.sheets), upsert)
			test.Decide = func(load.Summary) load.Decision { return load.RollBack }
			tested, err := b.loader.Run(t.Context(), test)
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, "issues of the test", b.issues(test.Import.ID), a.issues)
			task, summary := b.run(sheetsOf(t, a.sheets), upsert)
			wantSame(t, "issues", b.issues(task.Import.ID), a.issues)
			if tested.Totals != summary.Totals {
				t.Errorf("the test came to %+v, the import to %+v", tested.Totals, summary.Totals)
			}
			if got := strings.Join(b.rows(a.query), ", "); got != a.rows {
				t.Errorf("the rows are %s, want %s", got, a.rows)
			}
			accepted := summary.Totals.Inserted + summary.Totals.Updated + summary.Totals.Unchanged
			if _, again := b.run(sheetsOf(t, a.sheets), upsert); again.Totals.Unchanged != accepted {
				t.Errorf("the second import came to %+v, the first to %+v", again.Totals, summary.Totals)
			}
			if got := fmt.Sprint(b.rows(`SELECT count(*) FROM headway_tables`)); got != "[0]" {
				t.Errorf("%s tables were changed", got)
			}
		})
	}
}

func TestSchemasOfApplicationsAreInferred(t *testing.T) {
	for name, a := range allApplications() {
		t.Run(name, func(t *testing.T) {
			b := setupPostgres(t, a.schema)
			b.exec(a.tables)
			relations, err := targets.Relations(t.Context(), b.source, nil)
			if err != nil {
				t.Fatal(err)
			}
			guess, err := infer.FromRelations("guess", relations)
			if err != nil {
				t.Fatal(err)
			}
			var yaml bytes.Buffer
			if err := guess.WriteYAML(&yaml); err != nil {
				t.Fatal(err)
			}
			s, err := schema.Load("guess.yaml", yaml.Bytes())
			if err != nil {
				t.Fatalf("%v\n%s", err, &yaml)
			}
			if err := b.target.Ping(t.Context()); err != nil { // creates Headway's own tables
				t.Fatal(err)
			}
			if changes, err := b.target.Plan(t.Context(), s); err != nil || len(changes) > 0 {
				t.Errorf("the tables need the changes %v (%v) for their own schema\n%s", changes, err, &yaml)
			}
			if len(guess.LeftOut) > 0 {
				t.Errorf("tables are left out: %q", guess.LeftOut)
			}
		})
	}
}
