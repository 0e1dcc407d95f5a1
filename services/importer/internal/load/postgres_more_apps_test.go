package load_test

import (
	"fmt"
	"testing"
)

// moreApplications are like publicApplications: joined inheritance and keys of several columns, as Hibernate, Prisma, and Django make
// them.
var moreApplications = map[string]application{
	"Hibernate": {
		tables: `CREATE SEQUENCE party_seq INCREMENT BY 50;
			CREATE TABLE party (id bigint NOT NULL DEFAULT nextval('party_seq'), dtype varchar(31) NOT NULL, party_no varchar(20) NOT NULL UNIQUE, PRIMARY KEY (id));
			CREATE TABLE person (id bigint NOT NULL PRIMARY KEY REFERENCES party, last_name varchar(100) NOT NULL, gender char(1) CHECK (gender IN ('M', 'F')));
			CREATE TABLE "order" ("order" integer NOT NULL, "group" varchar(10) NOT NULL, party_id bigint NOT NULL REFERENCES party (id), "from" date, "to" date, PRIMARY KEY ("order", "group"), CHECK ("from" <= "to"));
			CREATE TABLE order_item (order_no integer NOT NULL, order_group varchar(10) NOT NULL, line_no integer NOT NULL, qty numeric(19, 4) NOT NULL, PRIMARY KEY (order_no, order_group, line_no),
				CONSTRAINT fk_item_order FOREIGN KEY (order_no, order_group) REFERENCES "order" ("order", "group"));
			CREATE TABLE item_tags (order_no integer NOT NULL, order_group varchar(10) NOT NULL, line_no integer NOT NULL, tag varchar(255) NOT NULL, PRIMARY KEY (order_no, order_group, line_no, tag),
				FOREIGN KEY (order_no, order_group, line_no) REFERENCES order_item)`,
		schema: `name: orders
sheets:
  - name: item_tags
    key: [order_no, order_group, line_no, tag]
    columns:
      - {name: order_no, type: integer, required: true}
      - {name: order_group, type: text, required: true}
      - {name: line_no, type: integer, required: true}
      - {name: tag, type: text, required: true}
  - name: items
    table: order_item
    key: [order_no, order_group, line_no]
    columns:
      - {name: order_no, type: integer, required: true}
      - {name: order_group, type: text, required: true}
      - {name: line_no, type: integer, required: true}
      - {name: qty, type: decimal, required: true}
  - name: orders
    table: '"order"'
    key: [order, group]
    columns:
      - {name: order, type: integer, required: true}
      - {name: group, type: text, required: true}
      - {name: party, column: party_id, type: text, required: true, references: parties.party_no}
      - {name: from, type: date}
      - {name: to, type: date}
  - name: parties
    table: party
    key: party_no
    columns:
      - {name: party_no, type: text, required: true}
      - {name: dtype, type: text, required: true}
  - name: people
    table: person
    key: party
    columns:
      - {name: party, column: id, type: text, required: true, references: parties.party_no}
      - {name: last_name, type: text, required: true}
      - {name: gender, type: text}
`,
		sheets: map[string][][]any{
			"Item tags": {{"Order no", "Order group", "Line no", "Tag"}, {1, "A", 1, "red"}, {4, "A", 1, "blue"}, {1, "B", 1, "red"}, {1, "A", 2, "red"}},
			"Items":     {{"Order no", "Order group", "Line no", "Qty"}, {1, "A", 1, "1.5"}, {4, "A", 1, 2}, {3, "A", 1, 1}, {9, "A", 1, 1}},
			"Orders":    {{"Order", "Group", "Party", "From", "To"}, {1, "A", "P1", nil, nil}, {3, "A", "P2", "2024-01-03", "2024-01-02"}, {4, "A", "P2", "2024-01-03", nil}},
			"Parties":   {{"Party no", "Dtype"}, {"P1", "Person"}, {"P2", "Person"}},
			"People":    {{"Party", "Last name", "Gender"}, {"P1", "Ash", "F"}, {"P2", "Birch", "Q"}},
		},
		issues: []string{"Item tags!4:4 REFUSED_BY_DATABASE", "Item tags!5:5 REFUSED_BY_DATABASE", "Items!4:4 REFUSED_BY_DATABASE", "Items!5:5 REFUSED_BY_DATABASE", "Orders!3:3 REFUSED_BY_DATABASE",
			"People!C3 REFUSED_BY_DATABASE"},
		query: `SELECT p.party_no, o."order", i.qty::text, g.tag, n.last_name FROM item_tags g JOIN order_item i USING (order_no, order_group, line_no) JOIN "order" o ON o."order" = order_no AND o."group" = order_group
			JOIN party p ON p.id = o.party_id LEFT JOIN person n ON n.id = p.id ORDER BY 1`,
		rows: "P1 1 1.5000 red Ash, P2 4 2.0000 blue <nil>",
	},
	"Prisma tenants": {
		tables: `CREATE TABLE "Tenant" ("id" TEXT NOT NULL, "slug" TEXT NOT NULL, CONSTRAINT "Tenant_pkey" PRIMARY KEY ("id"));
			CREATE UNIQUE INDEX "Tenant_slug_key" ON "Tenant" ("slug");
			CREATE TABLE "Project" ("tenantId" TEXT NOT NULL, "key" VARCHAR(10) NOT NULL, CONSTRAINT "Project_pkey" PRIMARY KEY ("tenantId", "key"));
			CREATE TABLE "Account" ("id" TEXT NOT NULL, "tenantId" TEXT NOT NULL, "email" TEXT NOT NULL, CONSTRAINT "Account_pkey" PRIMARY KEY ("id"));
			CREATE UNIQUE INDEX "Account_tenantId_email_key" ON "Account" ("tenantId", "email");
			CREATE TABLE "Issue" ("id" SERIAL NOT NULL, "tenantId" TEXT NOT NULL, "projectKey" VARCHAR(10) NOT NULL, "number" INTEGER NOT NULL, "parentId" INTEGER, CONSTRAINT "Issue_pkey" PRIMARY KEY ("id"));
			CREATE UNIQUE INDEX "Issue_tenantId_projectKey_number_key" ON "Issue" ("tenantId", "projectKey", "number");
			CREATE TABLE "_IssueWatchers" ("A" TEXT NOT NULL, "B" INTEGER NOT NULL, CONSTRAINT "_IssueWatchers_AB_pkey" PRIMARY KEY ("A", "B"));
			ALTER TABLE "Project" ADD CONSTRAINT "Project_tenantId_fkey" FOREIGN KEY ("tenantId") REFERENCES "Tenant" ("id") ON DELETE RESTRICT ON UPDATE CASCADE;
			ALTER TABLE "Account" ADD CONSTRAINT "Account_tenantId_fkey" FOREIGN KEY ("tenantId") REFERENCES "Tenant" ("id") ON DELETE RESTRICT ON UPDATE CASCADE;
			ALTER TABLE "Issue" ADD CONSTRAINT "Issue_project_fkey" FOREIGN KEY ("tenantId", "projectKey") REFERENCES "Project" ("tenantId", "key") ON DELETE CASCADE ON UPDATE CASCADE;
			ALTER TABLE "Issue" ADD CONSTRAINT "Issue_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES "Issue" ("id");
			ALTER TABLE "_IssueWatchers" ADD CONSTRAINT "_IssueWatchers_A_fkey" FOREIGN KEY ("A") REFERENCES "Account" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
			ALTER TABLE "_IssueWatchers" ADD CONSTRAINT "_IssueWatchers_B_fkey" FOREIGN KEY ("B") REFERENCES "Issue" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
			INSERT INTO "Tenant" VALUES ('t1', 'old'); INSERT INTO "Project" VALUES ('t1', 'APP'); INSERT INTO "Account" VALUES ('a1', 't1', 'ann@old.example');
			INSERT INTO "Issue" ("tenantId", "projectKey", "number") VALUES ('t1', 'APP', 1)`,
		schema: `name: tracker
sheets:
  - name: issues
    table: '"Issue"'
    key: [tenant_id, project_key, number]
    columns:
      - {name: tenant_id, column: tenantId, type: text, required: true}
      - {name: project_key, column: projectKey, type: text, required: true}
      - {name: number, type: integer, required: true}
      - {name: parent_id, column: parentId, type: integer}
  - name: tenants
    table: '"Tenant"'
    key: slug
    columns:
      - {name: slug, type: text, required: true}
      - {name: id, type: text, generate: uuid}
  - name: accounts
    table: '"Account"'
    key: [tenant, email]
    columns:
      - {name: tenant, column: tenantId, type: text, required: true, references: tenants.slug}
      - {name: email, type: text, required: true}
      - {name: id, type: text, generate: uuid}
  - name: projects
    table: '"Project"'
    key: [tenant, key]
    columns:
      - {name: tenant, column: tenantId, type: text, required: true, references: tenants.slug}
      - {name: key, type: text, required: true}
  - name: watchers
    table: '"_IssueWatchers"'
    key: [a, b]
    columns:
      - {name: a, column: A, type: text, required: true}
      - {name: b, column: B, type: integer, required: true}
`,
		sheets: map[string][][]any{
			"Issues":   {{"Tenant ID", "Project key", "Number", "Parent ID"}, {"t1", "WEB", 1, nil}, {"t1", "GONE", 1, nil}, {"t1", "WEB", 2, 1}, {"t1", "APP", 3, 99}, {"t2", "WEB", 1, nil}},
			"Tenants":  {{"Slug"}, {"new"}},
			"Accounts": {{"Tenant", "Email"}, {"new", "ann@new.example"}, {"gone", "ann@new.example"}},
			"Projects": {{"Tenant", "Key"}, {"old", "WEB"}, {"new", "WEB"}},
			"Watchers": {{"A", "B"}, {"a1", 1}, {"a9", 1}, {"a1", 99}},
		},
		issues: []string{"Issues!3:3 REFUSED_BY_DATABASE", "Issues!6:6 REFUSED_BY_DATABASE", "Issues!D5 REFUSED_BY_DATABASE", "Accounts!A3 REFERENCE_MISSING", "Watchers!A3 REFUSED_BY_DATABASE", "Watchers!B4 REFUSED_BY_DATABASE"},
		query:  `SELECT i."projectKey", i.number, "parentId", (SELECT count(*) FROM "_IssueWatchers" w WHERE w."B" = i.id) FROM "Issue" i ORDER BY 1, 2`,
		rows:   "APP 1 <nil> 1, WEB 1 <nil> 0, WEB 2 1 0",
	},
	"Odoo": {
		tables: `CREATE TABLE res_partner (id serial PRIMARY KEY, name varchar NOT NULL, ref varchar UNIQUE, parent_id integer, user_id integer, company_id integer);
			CREATE TABLE res_users (id serial PRIMARY KEY, login varchar NOT NULL UNIQUE, partner_id integer NOT NULL, company_id integer NOT NULL, create_uid integer);
			CREATE TABLE res_company (id serial PRIMARY KEY, name varchar NOT NULL UNIQUE, partner_id integer NOT NULL);
			ALTER TABLE res_partner ADD FOREIGN KEY (parent_id) REFERENCES res_partner ON DELETE SET NULL, ADD FOREIGN KEY (user_id) REFERENCES res_users ON DELETE SET NULL, ADD FOREIGN KEY (company_id) REFERENCES res_company;
			ALTER TABLE res_users ADD FOREIGN KEY (partner_id) REFERENCES res_partner, ADD FOREIGN KEY (company_id) REFERENCES res_company, ADD FOREIGN KEY (create_uid) REFERENCES res_users;
			ALTER TABLE res_company ADD FOREIGN KEY (partner_id) REFERENCES res_partner`,
		schema: `name: base
sheets:
  - name: partners
    table: res_partner
    key: ref
    columns:
      - {name: ref, type: text, required: true}
      - {name: name, type: text, required: true}
      - {name: parent, column: parent_id, type: text, references: partners.ref}
      - {name: user_id, type: integer}
      - {name: company_id, type: integer}
  - name: companies
    table: res_company
    key: name
    columns:
      - {name: name, type: text, required: true}
      - {name: partner, column: partner_id, type: text, required: true, references: partners.ref}
  - name: users
    table: res_users
    key: login
    columns:
      - {name: login, type: text, required: true}
      - {name: partner, column: partner_id, type: text, required: true, references: partners.ref}
      - {name: company, column: company_id, type: text, required: true, references: companies.name}
      - {name: creator, column: create_uid, type: text, references: users.login}
`,
		sheets: map[string][][]any{
			"Partners":  {{"Ref", "Name", "Parent", "User ID", "Company ID"}, {"R1", "Co", nil, nil, nil}, {"R2", "Ann", "R1", nil, nil}, {"R3", "Ben", "R4", nil, nil}, {"R4", "Cat", "R3", nil, nil}},
			"Companies": {{"Name", "Partner"}, {"My Co", "R1"}},
			"Users":     {{"Login", "Partner", "Company", "Creator"}, {"ann", "R2", "My Co", "admin"}, {"admin", "R1", "My Co", nil}, {"bad", "R3", "My Co", nil}},
		},
		issues: []string{"Partners!C4 REFERENCE_CYCLE", "Partners!C5 REFERENCE_CYCLE", "Users!B4 REFERENCE_BLOCKED"},
		query:  `SELECT u.login, p.ref, c.name, o.login FROM res_users u JOIN res_partner p ON p.id = u.partner_id JOIN res_company c ON c.id = u.company_id LEFT JOIN res_users o ON o.id = u.create_uid ORDER BY 1`,
		rows:   "admin R1 My Co <nil>, ann R2 My Co admin",
	},
	"Phoenix": {
		tables: `CREATE EXTENSION citext;
			CREATE TABLE users (id uuid NOT NULL PRIMARY KEY, email citext NOT NULL, phone citext, inserted_at timestamp(0) NOT NULL, updated_at timestamp(0) NOT NULL);
			CREATE UNIQUE INDEX users_email_index ON users (email); CREATE UNIQUE INDEX users_phone_index ON users (phone);
			CREATE TABLE posts (id uuid PRIMARY KEY, slug citext NOT NULL, user_id uuid CONSTRAINT posts_user_id_fkey REFERENCES users (id) ON DELETE SET NULL, reply_to uuid REFERENCES posts (id));
			CREATE UNIQUE INDEX posts_slug_index ON posts (slug);
			CREATE TABLE likes (user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE, post_id uuid NOT NULL REFERENCES posts ON DELETE CASCADE);
			CREATE UNIQUE INDEX likes_index ON likes (user_id, post_id);
			INSERT INTO users VALUES ('6f2c1a34-0d55-4a0b-9d36-0a7e9f1c2b3d', 'Old@x.example', 'A1', '2020-01-01', '2020-01-01')`,
		schema: `name: blog
sheets:
  - name: users
    key: email
    columns:
      - {name: email, type: text, required: true}
      - {name: phone, type: text, unique: true}
      - {name: id, type: text, generate: uuid}
      - {name: inserted_at, type: datetime, generate: created}
      - {name: updated_at, type: datetime, generate: updated}
  - name: posts
    key: slug
    columns:
      - {name: slug, type: text, required: true}
      - {name: user, column: user_id, type: text, references: users.email}
      - {name: reply, column: reply_to, type: text, references: posts.slug}
      - {name: id, type: text, generate: uuid}
  - name: likes
    key: [user, post]
    columns:
      - {name: user, column: user_id, type: text, required: true, references: users.email}
      - {name: post, column: post_id, type: text, required: true, references: posts.slug}
`,
		sheets: map[string][][]any{
			"Users": {{"Email", "Phone"}, {"Ann@x.example", "B1"}, {"ann@X.example", "C1"}, {"OLD@x.example", "A1"}, {"ben@x.example", "b1"}, {"cat@x.example", "a1"}},
			"Posts": {{"Slug", "User", "Reply"}, {"one", "ANN@x.example", "TWO"}, {"two", "old@X.example", nil}, {"three", "ben@x.example", nil}},
			"Likes": {{"User", "Post"}, {"ann@x.example", "one"}, {"ANN@x.example", "two"}, {"ANN@x.example", "one"}, {"old@x.example", "three"}},
		},
		issues: []string{"Users!A3 DUPLICATE_IN_FILE", "Users!B5 DUPLICATE_IN_FILE", "Users!B6 DUPLICATE_IN_FILE", "Posts!B4 REFERENCE_BLOCKED", "Likes!A4 DUPLICATE_IN_FILE", "Likes!B5 REFERENCE_BLOCKED"},
		query: `SELECT p.slug::text, u.email::text, u.phone::text, r.slug::text, (SELECT count(*) FROM likes l WHERE l.post_id = p.id) FROM posts p JOIN users u ON u.id = p.user_id
			LEFT JOIN posts r ON r.id = p.reply_to ORDER BY 1`,
		rows: "one Ann@x.example B1 two 1, two Old@x.example A1 <nil> 1",
	},
	"Django library": {
		tables: `CREATE EXTENSION citext;
			CREATE TABLE auth_user (id integer NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, username varchar(150) NOT NULL UNIQUE);
			CREATE TABLE library_profile (id bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, user_id integer NOT NULL UNIQUE, phone varchar(20) NOT NULL, sponsor_id bigint NULL);
			CREATE TABLE library_place (id bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, name varchar(50) NOT NULL UNIQUE);
			CREATE TABLE library_branch (place_ptr_id bigint NOT NULL PRIMARY KEY, code varchar(8) NOT NULL UNIQUE, parent_id bigint NULL, owner_id bigint NULL, floor smallint NOT NULL CHECK (floor >= 0));
			CREATE TABLE library_device (token uuid NOT NULL PRIMARY KEY, branch_id bigint NOT NULL);
			CREATE TABLE library_reading (id bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, device_id uuid NOT NULL, number integer NOT NULL, UNIQUE (device_id, number));
			ALTER TABLE library_profile ADD FOREIGN KEY (user_id) REFERENCES auth_user (id) DEFERRABLE INITIALLY DEFERRED, ADD FOREIGN KEY (sponsor_id) REFERENCES library_profile (id) DEFERRABLE INITIALLY DEFERRED;
			ALTER TABLE library_branch ADD FOREIGN KEY (place_ptr_id) REFERENCES library_place (id) DEFERRABLE INITIALLY DEFERRED,
				ADD FOREIGN KEY (parent_id) REFERENCES library_branch (place_ptr_id) DEFERRABLE INITIALLY DEFERRED, ADD FOREIGN KEY (owner_id) REFERENCES library_profile (id) DEFERRABLE INITIALLY DEFERRED;
			ALTER TABLE library_device ADD FOREIGN KEY (branch_id) REFERENCES library_branch (place_ptr_id) DEFERRABLE INITIALLY DEFERRED;
			ALTER TABLE library_reading ADD FOREIGN KEY (device_id) REFERENCES library_device (token) DEFERRABLE INITIALLY DEFERRED;
			INSERT INTO library_place VALUES (70, 'Old'); INSERT INTO library_branch VALUES (70, 'O', NULL, NULL, 0); SELECT setval('library_place_id_seq', 100);
			INSERT INTO auth_user VALUES (5, 'root'); INSERT INTO library_profile VALUES (50, 5, '1'); SELECT setval('library_profile_id_seq', 100), setval('auth_user_id_seq', 100)`,
		schema: `name: library
sheets:
  - name: users
    table: auth_user
    key: username
    columns:
      - {name: username, type: text, required: true}
  - name: profiles
    table: library_profile
    key: user
    columns:
      - {name: user, column: user_id, type: text, required: true, references: users.username}
      - {name: phone, type: text, required: true}
      - {name: sponsor, column: sponsor_id, type: text, references: profiles.user}
  - name: places
    table: library_place
    key: name
    columns:
      - {name: name, type: text, required: true}
  - name: branches
    table: library_branch
    key: place
    columns:
      - {name: place, column: place_ptr_id, type: text, required: true, references: places.name}
      - {name: code, type: text, required: true, unique: true}
      - {name: parent, column: parent_id, type: text, references: branches.code}
      - {name: owner, column: owner_id, type: text, references: profiles.user}
      - {name: floor, type: integer, required: true}
  - name: devices
    table: library_device
    key: token
    columns:
      - {name: token, type: text, required: true}
      - {name: branch, column: branch_id, type: text, required: true, references: branches.place}
  - name: readings
    table: library_reading
    key: [device, number]
    columns:
      - {name: device, column: device_id, type: text, required: true, references: devices.token}
      - {name: number, type: integer, required: true}
`,
		sheets: map[string][][]any{
			"Users":    {{"Username"}, {"ann"}, {"ben"}},
			"Profiles": {{"User", "Phone", "Sponsor"}, {"ann", "2", "ben"}, {"ben", "3", "root"}, {"root", "1", nil}, {"cat", "4", nil}},
			"Places":   {{"Name"}, {"Main"}, {"West"}, {"East"}},
			"Branches": {{"Place", "Code", "Parent", "Owner", "Floor"}, {"West", "W", "M", "ann", 1}, {"Main", "M", "O", "root", 0}, {"East", "E", "W", nil, -1}, {"Old", "O", nil, "ben", 0}, {"North", "N", nil, nil, 0}},
			"Devices":  {{"Token", "Branch"}, {"6f2c1a34-0d55-4a0b-9d36-0a7e9f1c2b3d", "West"}, {"6f2c1a34-0d55-4a0b-9d36-0a7e9f1c2b3e", "East"}},
			"Readings": {{"Device", "Number"}, {"6f2c1a34-0d55-4a0b-9d36-0a7e9f1c2b3d", 1}, {"6f2c1a34-0d55-4a0b-9d36-0a7e9f1c2b3f", 1}},
		},
		issues: []string{"Profiles!A5 REFERENCE_MISSING", "Branches!E4 REFUSED_BY_DATABASE", "Branches!A6 REFERENCE_MISSING", "Devices!B3 REFERENCE_BLOCKED", "Readings!A3 REFERENCE_MISSING"},
		query: `SELECT l.name, p.name, u.username, s.username, (SELECT count(*) FROM library_device d JOIN library_reading r ON r.device_id = d.token WHERE d.branch_id = b.place_ptr_id) FROM library_branch b
			JOIN library_place l ON l.id = b.place_ptr_id LEFT JOIN library_place p ON p.id = b.parent_id LEFT JOIN library_profile f ON f.id = b.owner_id LEFT JOIN auth_user u ON u.id = f.user_id
			LEFT JOIN library_profile o ON o.id = f.sponsor_id LEFT JOIN auth_user s ON s.id = o.user_id ORDER BY 1`,
		rows: "Main Old root <nil> 0, Old <nil> ben root 0, West Main ann ben 1",
	},
}

func TestRowsWithoutParentsAreFoundTogether(t *testing.T) {
	b := setupPostgres(t, `name: tracker
sheets:
  - name: issues
    key: code
    columns:
      - {name: code, type: text, required: true}
  - name: watchers
    key: [name, issue_id]
    columns:
      - {name: name, type: text, required: true}
      - {name: issue_id, type: integer, required: true}
`)
	b.exec(`CREATE TABLE issues (id serial PRIMARY KEY, code text NOT NULL UNIQUE); INSERT INTO issues (code) VALUES ('old');
		CREATE TABLE watchers (name text NOT NULL, issue_id integer NOT NULL REFERENCES issues (id), PRIMARY KEY (name, issue_id))`)
	watchers, want := [][]any{{"Name", "Issue ID"}, {"ann", 1}}, []string{}
	for i := range 20 {
		watchers = append(watchers, []any{"ann", 100 + i})
		want = append(want, fmt.Sprintf("Watchers!B%d REFUSED_BY_DATABASE", i+3))
	}
	task, summary := b.run(sheetsOf(t, map[string][][]any{"Issues": {{"Code"}, {"new"}}, "Watchers": watchers}), upsert)
	wantSame(t, "issues", b.issues(task.Import.ID), want)
	if summary.Totals.Inserted != 2 {
		t.Errorf("the import came to %+v", summary.Totals)
	}
}
