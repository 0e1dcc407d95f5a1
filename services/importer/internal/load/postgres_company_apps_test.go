package load_test

import (
	"strings"
	"testing"

	"headway/services/importer/internal/infer"
	"headway/services/importer/internal/targets"
)

// companyApplications are like publicApplications. Several tenants share the tables, and a code is unique within one of them. The first tenant
// has rows that must stay as they are; the workbook is that of the second one, which some codes occur in too.
var companyApplications = map[string]application{
	"Rails companies": {
		tables: `CREATE TABLE companies (id bigserial PRIMARY KEY, name character varying NOT NULL); INSERT INTO companies VALUES (7, 'Other'), (42, 'Ours');
			CREATE TABLE departments (id bigserial PRIMARY KEY, company_id bigint NOT NULL, code character varying NOT NULL, name character varying, created_at timestamp(6) without time zone NOT NULL, updated_at timestamp(6) without time zone NOT NULL,
				CONSTRAINT fk_rails_company FOREIGN KEY (company_id) REFERENCES companies (id));
			CREATE UNIQUE INDEX index_departments_on_company_id_and_code ON departments USING btree (company_id, code); CREATE INDEX index_departments_on_company_id ON departments USING btree (company_id);
			CREATE TABLE employees (id bigserial PRIMARY KEY, company_id bigint NOT NULL, number integer NOT NULL, email character varying, badge character varying, department_id bigint NOT NULL, manager_id bigint, created_at timestamp(6) without time zone NOT NULL, updated_at timestamp(6) without time zone NOT NULL,
				CONSTRAINT fk_rails_c FOREIGN KEY (company_id) REFERENCES companies (id), CONSTRAINT fk_rails_d FOREIGN KEY (department_id) REFERENCES departments (id), CONSTRAINT fk_rails_m FOREIGN KEY (manager_id) REFERENCES employees (id));
			CREATE UNIQUE INDEX index_employees_on_number_and_company_id ON employees USING btree (number, company_id); CREATE UNIQUE INDEX index_employees_on_company_id_and_email ON employees USING btree (company_id, email); CREATE UNIQUE INDEX index_employees_on_badge ON employees USING btree (badge);
			INSERT INTO departments (company_id, code, name, created_at, updated_at) VALUES (7, 'IT', 'Their IT', '2020-01-01', '2020-01-01'), (7, 'HR', 'Their HR', '2020-01-01', '2020-01-01'), (42, 'IT', 'Old IT', '2020-01-01', '2020-01-01');
			INSERT INTO employees (company_id, number, email, department_id, manager_id, created_at, updated_at) VALUES (7, 1, 'ann@x.example', 1, NULL, '2020-01-01', '2020-01-01'), (7, 2, 'ben@x.example', 2, 1, '2020-01-01', '2020-01-01'),
				(7, 9, 'zoe@x.example', 2, 1, '2020-01-01', '2020-01-01'), (42, 1, 'old@x.example', 3, NULL, '2020-01-01', '2020-01-01'), (42, 5, 'eve@x.example', 3, NULL, '2020-01-01', '2020-01-01');
			UPDATE employees SET badge = company_id || '-' || number`,
		schema: `name: staff
sheets:
  - name: departments
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: name, type: text}
      - {name: company_id, type: integer, constant: "42"}
      - {name: created_at, type: datetime, generate: created}
      - {name: updated_at, type: datetime, generate: updated}
  - name: employees
    key: number
    columns:
      - {name: number, type: integer, required: true}
      - {name: email, type: email, unique: true}
      - {name: badge, type: text, unique: true}
      - {name: department, column: department_id, type: text, required: true, references: departments.code}
      - {name: manager, column: manager_id, type: integer, references: employees.number}
      - {name: company_id, type: integer, constant: "42"}
      - {name: created_at, type: datetime, generate: created}
      - {name: updated_at, type: datetime, generate: updated}
`,
		sheets: map[string][][]any{
			"Departments": {{"Code", "Name"}, {"IT", "Our IT"}, {"OPS", "Operations"}},
			// The department HR, the manager 9, the number 2, and two emails are those of the other company, too, and the badge 7-2 is unique among all. Rows 1 and 5
			// exchange their emails.
			"Employees": {{"Number", "Email", "Badge", "Department", "Manager"}, {1, "eve@x.example", "42-1", "IT", nil}, {2, "ann@x.example", "42-2", "OPS", 5}, {3, "cat@x.example", nil, "HR", nil}, {4, "dan@x.example", nil, "IT", 9},
				{5, "old@x.example", "42-5", "OPS", nil}, {6, "ben@x.example", nil, "OPS", 1}, {7, "BEN@x.example", nil, "IT", 6}, {8, "ann@x.example", nil, "IT", nil}, {10, nil, "7-2", "IT", nil}},
		},
		issues: []string{"Employees!D4 REFERENCE_MISSING", "Employees!E5 REFERENCE_MISSING", "Employees!B9 DUPLICATE_IN_FILE", "Employees!C10 REFUSED_BY_DATABASE"},
		query: `SELECT e.company_id, e.number, e.email, d.company_id, d.name, m.company_id, m.number FROM employees e JOIN departments d ON d.id = e.department_id LEFT JOIN employees m ON m.id = e.manager_id
			UNION ALL SELECT company_id, 0, code, 0, name, 0, 0 FROM departments ORDER BY 1, 2, 3`,
		rows: "7 0 HR 0 Their HR 0 0, 7 0 IT 0 Their IT 0 0, 7 1 ann@x.example 7 Their IT <nil> <nil>, 7 2 ben@x.example 7 Their HR 7 1, 7 9 zoe@x.example 7 Their HR 7 1, " +
			"42 0 IT 0 Our IT 0 0, 42 0 OPS 0 Operations 0 0, 42 1 eve@x.example 42 Our IT <nil> <nil>, 42 2 ann@x.example 42 Operations 42 5, 42 5 old@x.example 42 Operations <nil> <nil>, " +
			"42 6 ben@x.example 42 Operations 42 1, 42 7 BEN@x.example 42 Our IT 42 6",
	},
	"Django organizations": {
		tables: `CREATE TABLE "orgs_organization" ("id" bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "name" varchar(200) NOT NULL); INSERT INTO orgs_organization VALUES (7, 'Other'), (42, 'Ours');
			CREATE TABLE "stock_category" ("id" bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "slug" varchar(50) NOT NULL, "title" varchar(200) NOT NULL, "organization_id" bigint NOT NULL);
			CREATE TABLE "stock_item" ("id" bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "sku" varchar(40) NOT NULL, "quantity" integer NOT NULL CHECK ("quantity" >= 0), "deleted_at" timestamp with time zone NULL, "created" timestamp with time zone NOT NULL,
				"category_id" bigint NULL, "organization_id" bigint NOT NULL, CONSTRAINT "category_or_none" CHECK ("quantity" < 1000 OR "category_id" IS NOT NULL));
			CREATE TABLE "stock_movement" ("id" uuid NOT NULL PRIMARY KEY, "reference" varchar(40) NOT NULL, "amount" numeric(8, 2) NOT NULL, "item_id" bigint NOT NULL, "organization_id" bigint NOT NULL);
			ALTER TABLE "stock_category" ADD CONSTRAINT "unique_category_slug" UNIQUE ("organization_id", "slug");
			ALTER TABLE "stock_category" ADD CONSTRAINT "stock_category_org" FOREIGN KEY ("organization_id") REFERENCES "orgs_organization" ("id") DEFERRABLE INITIALLY DEFERRED;
			CREATE UNIQUE INDEX "unique_item_sku" ON "stock_item" ("organization_id", "sku") WHERE "deleted_at" IS NULL;
			ALTER TABLE "stock_item" ADD CONSTRAINT "stock_item_category" FOREIGN KEY ("category_id") REFERENCES "stock_category" ("id") DEFERRABLE INITIALLY DEFERRED;
			ALTER TABLE "stock_item" ADD CONSTRAINT "stock_item_org" FOREIGN KEY ("organization_id") REFERENCES "orgs_organization" ("id") DEFERRABLE INITIALLY DEFERRED;
			ALTER TABLE "stock_movement" ADD CONSTRAINT "stock_movement_organization_id_reference_uniq" UNIQUE ("organization_id", "item_id", "reference");
			ALTER TABLE "stock_movement" ADD CONSTRAINT "stock_movement_item" FOREIGN KEY ("item_id") REFERENCES "stock_item" ("id") DEFERRABLE INITIALLY DEFERRED;
			INSERT INTO stock_category (slug, title, organization_id) VALUES ('tools', 'Their tools', 7), ('toys', 'Their toys', 7), ('toys', 'Our toys', 42);
			INSERT INTO stock_item (sku, quantity, deleted_at, created, category_id, organization_id) VALUES ('A', 1, NULL, '2020-01-01', 1, 7), ('B', 1, NULL, '2020-01-01', 1, 7), ('A', 1, '2021-01-01', '2020-01-01', 3, 42), ('A', 2, NULL, '2020-01-01', 3, 42);
			INSERT INTO stock_movement VALUES ('00000000-0000-4000-8000-000000000001', 'r1', 5, 1, 7), ('00000000-0000-4000-8000-000000000002', 'r1', 5, 3, 42)`,
		schema: `name: stock
sheets:
  - name: categories
    table: stock_category
    key: slug
    columns:
      - {name: slug, type: text, required: true}
      - {name: title, type: text, required: true}
      - {name: organization, column: organization_id, type: integer, constant: "42"}
  - name: items
    table: stock_item
    key: sku
    columns:
      - {name: sku, type: text, required: true}
      - {name: quantity, type: integer, required: true}
      - {name: category, column: category_id, type: text, references: categories.slug}
      - {name: organization, column: organization_id, type: integer, constant: "42"}
      - {name: created, type: datetime, generate: created}
  - name: movements
    table: stock_movement
    key: [item, reference]
    columns:
      - {name: item, column: item_id, type: text, required: true, references: items.sku}
      - {name: reference, type: text, required: true}
      - {name: amount, type: decimal, required: true}
      - {name: id, type: text, generate: uuid}
      - {name: organization, column: organization_id, type: integer, constant: "42"}
`,
		sheets: map[string][][]any{
			"Categories": {{"Slug", "Title"}, {"toys", "Our new toys"}, {"games", "Games"}},
			"Items":      {{"SKU", "Quantity", "Category"}, {"A", 3, "games"}, {"C", 4, "tools"}, {"D", 5, "toys"}, {"E", -1, nil}},
			"Movements":  {{"Item", "Reference", "Amount"}, {"A", "r1", 1.5}, {"B", "r1", 2}, {"D", "r1", 3}},
		},
		issues: []string{"Items!C3 REFERENCE_MISSING", "Items!B5 REFUSED_BY_DATABASE", "Movements!A3 REFERENCE_MISSING"},
		query: `SELECT m.organization_id, m.reference, m.amount::text, i.sku, i.quantity, i.organization_id, c.title FROM stock_movement m JOIN stock_item i ON i.id = m.item_id JOIN stock_category c ON c.id = i.category_id
			UNION ALL SELECT organization_id, '-', '-', sku, quantity, 0, coalesce(deleted_at::date::text, '-') FROM stock_item ORDER BY 1, 2, 4, 5`,
		rows: "7 - - A 1 0 -, 7 - - B 1 0 -, 7 r1 5.00 A 1 7 Their tools, 42 - - A 1 0 2021-01-01, 42 - - A 3 0 -, 42 - - D 5 0 -, 42 r1 5.00 A 1 42 Our new toys, 42 r1 1.50 A 3 42 Games, 42 r1 3.00 D 5 42 Our new toys",
	},
	"Prisma tenants": {
		tables: `CREATE TYPE "Role" AS ENUM ('OWNER', 'MEMBER');
			CREATE TABLE "Tenant" ("id" TEXT NOT NULL, "slug" TEXT NOT NULL, CONSTRAINT "Tenant_pkey" PRIMARY KEY ("id")); INSERT INTO "Tenant" VALUES ('t1', 'other'), ('t2', 'ours');
			CREATE TABLE "Team" ("id" TEXT NOT NULL, "tenantId" TEXT NOT NULL, "code" TEXT NOT NULL, "displayName" TEXT NOT NULL, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" TIMESTAMP(3) NOT NULL, CONSTRAINT "Team_pkey" PRIMARY KEY ("tenantId", "id"));
			CREATE TABLE "Member" ("id" SERIAL NOT NULL, "tenantId" TEXT NOT NULL, "userName" TEXT NOT NULL, "role" "Role" NOT NULL DEFAULT 'MEMBER', "teamId" TEXT, "updatedAt" TIMESTAMP(3) NOT NULL, CONSTRAINT "Member_pkey" PRIMARY KEY ("id"));
			CREATE UNIQUE INDEX "Team_tenantId_code_key" ON "Team"("tenantId", "code"); CREATE UNIQUE INDEX "Member_tenantId_userName_key" ON "Member"("tenantId", "userName");
			ALTER TABLE "Team" ADD CONSTRAINT "Team_tenantId_fkey" FOREIGN KEY ("tenantId") REFERENCES "Tenant"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
			ALTER TABLE "Member" ADD CONSTRAINT "Member_tenantId_fkey" FOREIGN KEY ("tenantId") REFERENCES "Tenant"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
			ALTER TABLE "Member" ADD CONSTRAINT "Member_tenantId_teamId_fkey" FOREIGN KEY ("tenantId", "teamId") REFERENCES "Team"("tenantId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
			INSERT INTO "Team" ("id", "tenantId", "code", "displayName", "updatedAt") VALUES ('c1', 't1', 'web', 'Their web', '2020-01-01'), ('c2', 't1', 'ios', 'Their ios', '2020-01-01'), ('c1', 't2', 'web', 'Our web', '2020-01-01');
			INSERT INTO "Member" ("tenantId", "userName", "role", "teamId", "updatedAt") VALUES ('t1', 'ann', 'OWNER', 'c1', '2020-01-01'), ('t1', 'ben', 'OWNER', 'c2', '2020-01-01'), ('t2', 'ann', 'MEMBER', 'c1', '2020-01-01')`,
		schema: `name: members
sheets:
  - name: teams
    table: '"Team"'
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: display_name, column: displayName, type: text, required: true}
      - {name: id, type: text, generate: uuid}
      - {name: tenant, column: tenantId, type: text, constant: t2}
      - {name: updated_at, column: updatedAt, type: datetime, generate: updated}
  - name: members
    table: '"Member"'
    key: user_name
    columns:
      - {name: user_name, column: userName, type: text, required: true}
      - {name: role, type: enum, allowed: [OWNER, MEMBER], required: true}
      - {name: team, column: teamId, type: text, references: teams.code}
      - {name: tenant, column: tenantId, type: text, constant: t2}
      - {name: updated_at, column: updatedAt, type: datetime, generate: updated}
`,
		sheets: map[string][][]any{
			"Teams":   {{"Code", "Display name"}, {"web", "Our web"}, {"ops", "Our ops"}},
			"Members": {{"User name", "Role", "Team"}, {"ann", "OWNER", "ops"}, {"ben", "MEMBER", "web"}, {"cat", "MEMBER", "ios"}, {"dan", "BOSS", nil}},
		},
		issues: []string{"Members!C4 REFERENCE_MISSING", "Members!B5 NOT_ALLOWED"},
		query: `SELECT m."tenantId", m."userName", m.role::text, t."tenantId", t."displayName", m."updatedAt" > '2021-01-01' FROM "Member" m LEFT JOIN "Team" t ON t.id = m."teamId" AND t."tenantId" = m."tenantId"
			UNION ALL SELECT "tenantId", '-', code, '', "displayName", "updatedAt" > '2021-01-01' FROM "Team" ORDER BY 1, 2, 3`,
		rows: "t1 - ios  Their ios false, t1 - web  Their web false, t1 ann OWNER t1 Their web false, t1 ben OWNER t1 Their ios false, t2 - ops  Our ops true, t2 - web  Our web false, t2 ann OWNER t2 Our ops true, t2 ben MEMBER t2 Our web true",
	},
}

// TestRowsOfOtherTenantsStayAsTheyAre compares the versions of the rows that PostgreSQL has of the first tenant.
func TestRowsOfOtherTenantsStayAsTheyAre(t *testing.T) {
	for name, queries := range map[string][]string{
		"Rails companies":      {`SELECT ctid::text, xmin::text, d::text FROM departments d WHERE company_id = 7 ORDER BY 1`, `SELECT ctid::text, xmin::text, e::text FROM employees e WHERE company_id = 7 ORDER BY 1`},
		"Django organizations": {`SELECT ctid::text, xmin::text, i::text FROM stock_item i WHERE organization_id = 7 ORDER BY 1`, `SELECT ctid::text, xmin::text, m::text FROM stock_movement m WHERE organization_id = 7`},
		"Prisma tenants":       {`SELECT ctid::text, xmin::text, t::text FROM "Team" t WHERE "tenantId" = 't1' ORDER BY 1`, `SELECT ctid::text, xmin::text, m::text FROM "Member" m WHERE "tenantId" = 't1' ORDER BY 1`},
	} {
		t.Run(name, func(t *testing.T) {
			a := companyApplications[name]
			b := setupPostgres(t, a.schema)
			b.exec(a.tables)
			rows := func() (all string) {
				for _, q := range queries {
					all += strings.Join(b.rows(q), "\n") + "\n"
				}
				return all
			}
			before := rows()
			b.run(sheetsOf(t, a.sheets), upsert)
			if after := rows(); after != before || len(before) < 20 {
				t.Errorf("the rows of another tenant are\n%swere\n%s", after, before)
			}
		})
	}
}

// TestTenantsShareTablesOnSQLite has the tables of two of the applications, as Rails and Prisma declare them for SQLite.
func TestTenantsShareTablesOnSQLite(t *testing.T) {
	for name, c := range map[string]struct {
		statements  []string
		query, rows string
	}{
		"Rails companies": {
			statements: []string{
				`CREATE TABLE "companies" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "name" varchar NOT NULL)`, `INSERT INTO companies VALUES (7, 'Other'), (42, 'Ours')`,
				`CREATE TABLE "departments" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "company_id" integer NOT NULL, "code" varchar NOT NULL, "name" varchar, "created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL,
					CONSTRAINT "fk_rails_1" FOREIGN KEY ("company_id") REFERENCES "companies" ("id"))`,
				`CREATE UNIQUE INDEX "index_departments_on_company_id_and_code" ON "departments" ("company_id", "code")`,
				`CREATE TABLE "employees" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "company_id" integer NOT NULL, "number" integer NOT NULL, "email" varchar, "badge" varchar, "department_id" integer NOT NULL, "manager_id" integer,
					"created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL, CONSTRAINT "fk_rails_2" FOREIGN KEY ("department_id") REFERENCES "departments" ("id"), CONSTRAINT "fk_rails_3" FOREIGN KEY ("manager_id") REFERENCES "employees" ("id"))`,
				`CREATE UNIQUE INDEX "index_employees_on_number_and_company_id" ON "employees" ("number", "company_id")`,
				`CREATE UNIQUE INDEX "index_employees_on_company_id_and_email" ON "employees" ("company_id", "email")`, `CREATE UNIQUE INDEX "index_employees_on_badge" ON "employees" ("badge")`,
				`INSERT INTO departments (company_id, code, name, created_at, updated_at) VALUES (7, 'IT', 'Their IT', '2020', '2020'), (7, 'HR', 'Their HR', '2020', '2020'), (42, 'IT', 'Old IT', '2020', '2020')`,
				`INSERT INTO employees (company_id, number, email, badge, department_id, manager_id, created_at, updated_at) VALUES (7, 1, 'ann@x.example', '7-1', 1, NULL, '2020', '2020'), (7, 2, 'ben@x.example', '7-2', 2, 1, '2020', '2020'),
					(7, 9, 'zoe@x.example', '7-9', 2, 1, '2020', '2020'), (42, 1, 'old@x.example', '42-1', 3, NULL, '2020', '2020'), (42, 5, 'eve@x.example', '42-5', 3, NULL, '2020', '2020')`,
			},
			query: companyApplications["Rails companies"].query, rows: companyApplications["Rails companies"].rows,
		},
		"Prisma tenants": {
			statements: []string{
				`CREATE TABLE "Team" ("id" TEXT NOT NULL, "tenantId" TEXT NOT NULL, "code" TEXT NOT NULL, "displayName" TEXT NOT NULL, "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" DATETIME NOT NULL, PRIMARY KEY ("tenantId", "id"))`,
				`CREATE TABLE "Member" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "tenantId" TEXT NOT NULL, "userName" TEXT NOT NULL, "role" TEXT NOT NULL DEFAULT 'MEMBER', "teamId" TEXT, "updatedAt" DATETIME NOT NULL,
					CONSTRAINT "Member_tenantId_teamId_fkey" FOREIGN KEY ("tenantId", "teamId") REFERENCES "Team" ("tenantId", "id") ON DELETE RESTRICT ON UPDATE CASCADE)`,
				`CREATE UNIQUE INDEX "Team_tenantId_code_key" ON "Team"("tenantId", "code")`, `CREATE UNIQUE INDEX "Member_tenantId_userName_key" ON "Member"("tenantId", "userName")`,
				`INSERT INTO "Team" ("id", "tenantId", "code", "displayName", "updatedAt") VALUES ('c1', 't1', 'web', 'Their web', '2020-01-01'), ('c2', 't1', 'ios', 'Their ios', '2020-01-01'), ('c1', 't2', 'web', 'Our web', '2020-01-01')`,
				`INSERT INTO "Member" ("tenantId", "userName", "role", "teamId", "updatedAt") VALUES ('t1', 'ann', 'OWNER', 'c1', '2020-01-01'), ('t1', 'ben', 'OWNER', 'c2', '2020-01-01'), ('t2', 'ann', 'MEMBER', 'c1', '2020-01-01')`,
			},
			query: `SELECT m."tenantId", m."userName", m.role, t."tenantId", t."displayName", m."updatedAt" > '2021-01-01' FROM "Member" m LEFT JOIN "Team" t ON t.id = m."teamId" AND t."tenantId" = m."tenantId"
				UNION ALL SELECT "tenantId", '-', code, '', "displayName", "updatedAt" > '2021-01-01' FROM "Team" ORDER BY 1, 2, 3`,
			rows: strings.NewReplacer("false", "0", "true", "1").Replace(companyApplications["Prisma tenants"].rows),
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := companyApplications[name]
			b := setupFor(t, a.schema)
			b.exec(c.statements...)
			task, done := b.run(sheetsOf(t, a.sheets), upsert)
			wantSame(t, "issues", b.issues(task.Import.ID), a.issues)
			if got := strings.Join(b.rows(c.query), ", "); got != c.rows {
				t.Errorf("the rows are %s, want %s", got, c.rows)
			}
			if _, again := b.run(sheetsOf(t, a.sheets), upsert); again.Totals.Unchanged != done.Totals.Inserted+done.Totals.Updated+done.Totals.Unchanged {
				t.Errorf("the second import came to %+v", again.Totals)
			}
		})
	}
}

// TestTenantsThatSchemasLack has indexes that identify a row only together with a tenant, and schemas without its constant.
func TestTenantsThatSchemasLack(t *testing.T) {
	for name, c := range map[string]struct{ table, extra, detail string }{
		"a tenant without a value": {`CREATE TABLE items (code varchar(9) NOT NULL, label varchar(9), "companyId" integer NOT NULL, UNIQUE ("companyId", code))`, "",
			`add it to the sheet: {name: companyid, column: "companyId", type: integer, constant: "42"}`},
		"a tenant with a default": {`CREATE TABLE items (code varchar(9) NOT NULL, label varchar(9), company integer NOT NULL DEFAULT 7, UNIQUE (code, company))`, "",
			`only together with company. If it has the same value in all rows of the files, such as that of a tenant, add it to the sheet: {name: company, type: integer, constant: "42"}`},
		"a tenant that is a column": {`CREATE TABLE items (code varchar(9) NOT NULL, label varchar(9), company integer NOT NULL, UNIQUE (company, code))`, "\n      - {name: company, type: integer, required: true}",
			"only together with company. Add it to the key"},
		"one of two tenants": {`CREATE TABLE items (code varchar(9) NOT NULL, label varchar(9), company integer NOT NULL, region varchar(9) DEFAULT 'eu', UNIQUE (company, region, code))`, "\n      - {name: company, type: integer, constant: \"42\"}",
			"{name: region, type: text, constant: acme}"},
		"a unique column without the tenant": {`CREATE TABLE items (code varchar(9) NOT NULL, label varchar(9), company integer NOT NULL, UNIQUE (company, code))`, "\n      - {name: company, type: integer, constant: \"42\"}",
			`no unique index has it together with company. Create one on ("company", "label")`},
	} {
		text := "name: shop\nsheets:\n  - name: items\n    key: code\n    columns:\n      - {name: code, type: text, required: true}\n      - {name: label, type: text, unique: true}" + c.extra + "\n"
		file := map[string][][]any{"Items": {{"Code", "Label", "Company"}, {"a", "l", 1}}}
		if !strings.Contains(c.extra, "required") {
			file = map[string][][]any{"Items": {{"Code", "Label"}, {"a", "l"}}}
		}
		t.Run(name+" on SQLite", func(t *testing.T) {
			b := setupFor(t, text)
			b.exec(c.table)
			b.wantConflict(sheetsOf(t, file), c.detail)
		})
		t.Run(name+" on PostgreSQL", func(t *testing.T) {
			b := setupPostgres(t, text)
			b.exec(c.table)
			b.wantConflict(sheetsOf(t, file), c.detail)
		})
	}
}

// TestInferredSchemasNameTenants infers schemas whose keys have the tenant, and looks for the advice to give it as a constant.
func TestInferredSchemasNameTenants(t *testing.T) {
	for name, advice := range map[string]string{
		"Rails companies": `{name: company_id, type: integer, constant: "42"}`,
		"Prisma tenants":  `{name: tenantid, column: "tenantId", type: text, constant: acme}`,
	} {
		t.Run(name, func(t *testing.T) {
			a := companyApplications[name]
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
			named := 0
			for _, s := range guess.Sheets {
				for _, c := range s.Columns {
					if strings.Contains(strings.Join(c.Evidence, " "), advice) {
						named++
					}
				}
			}
			if named != 2 {
				t.Errorf("%d columns have the advice %s", named, advice)
			}
		})
	}
}
