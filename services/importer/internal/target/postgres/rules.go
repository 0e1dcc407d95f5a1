package postgres

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// rule is a rule of a table that the schema does not have.
type rule struct {
	name string
	// columns are those that the rule is about.
	columns []string
	// check is the condition of a check. expressions are the expressions that a unique index compares, for the rows with a condition.
	check       string
	expressions []string
	where       string
	// nulls means that a unique index does not accept the same null twice.
	nulls bool
}

// readRules returns the checks and unique indexes of a table.
func (t *table) readRules(ctx context.Context) (rules []rule, err error) {
	rows, err := t.tx.writer.Query(ctx, `SELECT c.conname::text, pg_get_expr(c.conbin, c.conrelid), NULL::text[], '', false,
			ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.conrelid AND attnum = ANY (c.conkey))
		FROM pg_constraint c WHERE c.conrelid = $1 AND c.contype = 'c'
		UNION ALL
		SELECT '`+ofPartitions+`', CASE WHEN bool_and(d IS NOT NULL) THEN string_agg('(' || d || ')', ' OR ') ELSE 'true' END, NULL::text[], '', false,
			ARRAY(SELECT DISTINCT a.attname::text FROM pg_partition_tree($1) n JOIN pg_partitioned_table k ON k.partrelid = n.relid
				JOIN pg_attribute a ON a.attrelid = n.relid AND (a.attnum = ANY (k.partattrs) OR 0 = ANY (k.partattrs) AND a.attnum > 0 AND NOT a.attisdropped))
		FROM pg_partition_tree($1) p, pg_get_partition_constraintdef(p.relid) d WHERE p.isleaf AND p.relid <> $1 HAVING count(*) > 0
		UNION ALL
		SELECT r.relname::text, '', ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, true) FROM generate_series(1, i.indnkeyatts) n ORDER BY n),
			coalesce(pg_get_expr(i.indpred, i.indrelid), ''), coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false), -- since version 15
			ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum > 0 AND (a.attnum = ANY (i.indkey) OR EXISTS (
				SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum)))
		FROM pg_index i JOIN pg_class r ON r.oid = i.indexrelid WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid
		UNION ALL SELECT * FROM (`+domainRules+`) d UNION ALL SELECT * FROM (`+computedRules+`) c
		ORDER BY 1`, t.relation.oid, columnNames(t.columns))
	if err != nil {
		return nil, t.failed(err)
	}
	defer rows.Close()
	for rows.Next() {
		var r rule
		if err := rows.Scan(&r.name, &r.check, &r.expressions, &r.where, &r.nulls, &r.columns); err != nil {
			return nil, t.failed(err)
		}
		if !t.knows(r) {
			rules = append(rules, r)
		}
	}
	return rules, t.failed(rows.Err())
}

// ofPartitions is the name of the rule that a partition accepts the row.
const ofPartitions = "its partitions"

// domainFrom is what follows the check of a domain.
const domainFrom = " FROM (SELECT "

// domainRules are the checks of the domains of the columns that the rows have. In a query, VALUE is the name of a column.
const domainRules = `WITH RECURSIVE typed (attname, oid) AS (
		SELECT attname, atttypid FROM pg_attribute WHERE attrelid = $1 AND attname = ANY ($2)
		UNION ALL SELECT d.attname, t.typbasetype FROM typed d JOIN pg_type t ON t.oid = d.oid WHERE t.typtype = 'd'
	)
	SELECT c.conname::text, format('(SELECT %s` + domainFrom + `%I::%s AS value) headway_domain)', pg_get_expr(c.conbin, 0), d.attname, CASE b.typname WHEN 'bpchar' THEN 'bpchar' ELSE format_type(b.oid, NULL) END),
		NULL::text[], ''::text, false, ARRAY[d.attname::text]
	FROM typed d JOIN pg_constraint c ON c.contypid = d.oid AND c.contype = 'c' JOIN typed e ON e.attname = d.attname JOIN pg_type b ON b.oid = e.oid AND b.typtype <> 'd'`

// computedPrefix begins the names of computedRules.
const computedPrefix = "the computed column "

// computedRules are conditions that fail, or can't be evaluated, if a computed column can't have its value: it is too large for its
// type, or null.
const computedRules = `SELECT '` + computedPrefix + `' || a.attname, format(CASE WHEN a.attnotnull THEN '(%s)::%s IS NOT NULL' ELSE 'coalesce(((%s)::%s)::text, '''') IS NOT NULL' END,
		pg_get_expr(f.adbin, f.adrelid), format_type(a.atttypid, a.atttypmod)), NULL::text[], ''::text, false,
		ARRAY(SELECT DISTINCT r.attname::text FROM pg_depend d JOIN pg_attribute r ON r.attrelid = d.refobjid AND r.attnum = d.refobjsubid
			WHERE d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refobjid = $1 AND r.attnum > 0 AND r.attnum <> a.attnum)
	FROM pg_attribute a JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum WHERE a.attrelid = $1 AND a.attgenerated <> '' AND NOT a.attisdropped`

// knows reports whether the run has checked a rule: the key, or a unique column of the schema.
func (t *table) knows(r rule) bool {
	if strings.HasPrefix(r.name, uniquePrefix) {
		return true // or it is dropped
	}
	if k := t.relation.key; k != nil && k.index == r.name {
		return true
	}
	if r.check != "" || r.where != "" || len(r.expressions) != len(r.columns) {
		return false
	}
	columns := slices.Sorted(slices.Values(r.columns))
	if slices.Equal(columns, slices.Sorted(slices.Values(t.sheet.Key))) {
		return true
	}
	constants := t.relation.constants(t.sheet)
	columns = slices.DeleteFunc(columns, func(column string) bool { return constants[column] != "" })
	if len(columns) != 1 {
		return false
	}
	c, _ := t.sheet.Column(columns[0])
	if c == nil || !c.Unique || r.nulls {
		return false
	}
	for column := range t.relation.scopeOf(t.sheet, c.Name) {
		if !slices.Contains(r.columns, column) {
			return false // the index has rows that the run does not look up
		}
	}
	return true
}

// fresh reports whether a column that the rows don't have gets a value that no other row has.
func (t *table) fresh(column string) bool {
	if c, _ := t.column(column); c != nil {
		return false
	}
	a := t.attribute(column)
	g := t.sheet.GeneratedIn(column)
	return a.identity || g != nil && (g.By == schema.UUID4 || g.By == schema.Sequential) || g == nil && a.family == uuids && a.initial != ""
}

// after is a query of the collected rows as they will be in the table, with their position in the stage and the given columns.
// It returns nothing if a column gets a value that is not known before the row is written.
func (t *table) after(columns []string) string {
	selected := []string{"s.ctid AS headway_at", "s." + name(staging)}
	from := t.stage + " s"
	joined := false
	for _, column := range columns {
		a := t.attribute(column)
		c, _ := t.sheet.Column(column)
		if r := t.resolved[column]; r != nil && (r.self || slices.ContainsFunc(r.tables, t.tx.inserting)) {
			return "" // a new parent has no ID so far
		}
		if c != nil && slices.Contains(t.columns, c) {
			selected = append(selected, t.compared(c, "s")+" AS "+name(column))
			continue
		}
		if a == nil || a.computed || a.identity {
			return ""
		}
		value := "NULL"
		if g := t.sheet.GeneratedIn(column); g != nil {
			if g.By == schema.UUID4 || g.By == schema.Sequential {
				return ""
			}
			value = generate(g, a)
		} else if a.initial != "" {
			value = a.initial
		}
		selected = append(selected, fmt.Sprintf("CASE WHEN s.%s THEN %s ELSE t.%s END AS %[3]s", name(staging), value, name(column)))
		joined = true
	}
	if joined {
		from += fmt.Sprintf(" LEFT JOIN %s t ON NOT s.%s AND %s", tableName(t.sheet.Table), name(staging), t.sameKey("t", "s"))
	}
	return "SELECT " + strings.Join(selected, ", ") + " FROM " + from
}

// inserting reports whether the run adds rows to a table of the schema.
func (tx *transaction) inserting(name string) bool {
	return slices.ContainsFunc(tx.tables, func(t *table) bool { return t.inserts > 0 && t.sheet.Table == name })
}

// brokenRules returns the collected rows that break rules of their table. It returns errCannotAsk if it can't check some.
func (t *table) brokenRules(ctx context.Context) (refused []imports.RefusedRow, err error) {
	rules, err := t.readRules(ctx)
	if err != nil {
		return nil, err
	}
	if len(rules) > 0 {
		t.tx.run.Does("%s: checking the rules of the table", t.sheet.Title)
	}
	var unknown error
	for _, r := range rules {
		broken := t.brokenCheck(r)
		if r.check == "" {
			broken = t.brokenUnique(r)
		}
		if broken == "" {
			// A computed column of a new ID hardly ever fails.
			if r.check != "" && !strings.HasPrefix(r.name, computedPrefix) || !slices.ContainsFunc(r.columns, t.fresh) {
				unknown = errCannotAsk
			}
			continue
		}
		column := ""
		if len(r.columns) == 1 {
			if c, _ := t.sheet.Column(r.columns[0]); c != nil && slices.Contains(t.columns, c) {
				column = c.Name
			}
		}
		more, err := t.refusedAt(ctx, broken, column, r.reason())
		if err != nil {
			return nil, err
		}
		if refused = append(refused, more...); len(refused) > imports.MaxRefusals {
			break
		}
	}
	return refused, unknown
}

// reason says which rule a row breaks.
func (r *rule) reason() string {
	switch {
	case r.check == "":
		return fmt.Sprintf("another row has the same value in the unique index %s", r.name)
	case r.name == ofPartitions:
		return "none of its partitions accepts it"
	}
	shown := r.check
	if rest, found := strings.CutPrefix(shown, "(SELECT "); found {
		if domain := strings.LastIndex(rest, domainFrom); domain >= 0 {
			shown = rest[:domain]
		}
	}
	return fmt.Sprintf("it breaks the check %s: %s", r.name, shown)
}

// brokenCheck is a query of the rows that break a check.
func (t *table) brokenCheck(r rule) string {
	after := t.after(r.columns)
	if after == "" {
		return ""
	}
	return fmt.Sprintf("SELECT x.headway_at FROM (%s) x WHERE NOT (%s)", after, r.check)
}

// brokenUnique is a query of the rows that a unique index refuses: those after the first with the same value, and those with
// the value of a row that the run does not change.
func (t *table) brokenUnique(r rule) string {
	needed := slices.Clone(r.columns)
	for _, k := range t.sheet.Key {
		if !slices.Contains(needed, k) {
			needed = append(needed, k)
		}
	}
	after := t.after(needed)
	if after == "" {
		return ""
	}
	values := make([]string, len(r.expressions))
	complete := []string{}
	same := make([]string, len(r.expressions))
	for i, e := range r.expressions {
		values[i] = fmt.Sprintf("%s AS headway_%d", e, i)
		if r.nulls {
			same[i] = fmt.Sprintf("o.headway_%d IS NOT DISTINCT FROM v.headway_%[1]d", i)
			continue
		}
		complete = append(complete, fmt.Sprintf("(%s) IS NOT NULL", e))
		same[i] = fmt.Sprintf("o.headway_%d = v.headway_%[1]d", i)
	}
	if r.where != "" {
		complete = append(complete, r.where)
	}
	condition := cmp.Or(strings.Join(complete, " AND "), "true")
	numbers := make([]string, len(values))
	for i := range values {
		numbers[i] = fmt.Sprintf("headway_%d", i)
	}
	list := strings.Join(values, ", ")
	stored := slices.Clone(t.sheet.Key)
	if k := t.relation.key; k != nil {
		stored = slices.AppendSeq(append(stored, k.conditional...), maps.Keys(k.scope))
		slices.Sort(stored)
		stored = slices.Compact(stored)
	}
	return fmt.Sprintf(`SELECT v.headway_at FROM (
			SELECT *, row_number() OVER (PARTITION BY %s ORDER BY headway_at) AS headway_turn FROM (SELECT headway_at, %s FROM (%s) x WHERE %s) w
		) v WHERE v.headway_turn > 1 OR EXISTS (SELECT FROM (SELECT %s, %s FROM %s WHERE %s) o WHERE %s
			AND NOT EXISTS (SELECT FROM %s s WHERE NOT s.%s AND %s))`,
		strings.Join(numbers, ", "), list, after, condition,
		list, names(stored), tableName(t.sheet.Table), condition, strings.Join(same, " AND "),
		t.stage, name(staging), t.sameKey("o", "s"))
}

// refusedAt returns the rows at the positions in the stage that a query returns.
func (t *table) refusedAt(ctx context.Context, at, column, reason string) (refused []imports.RefusedRow, err error) {
	rows, err := t.tx.writer.Query(ctx, fmt.Sprintf(`SELECT %s FROM %s s WHERE s.ctid IN (%s) LIMIT %d`, strings.Join(t.stagedKey(), ", "), t.stage, at, imports.MaxRefusals+1))
	if err != nil {
		return nil, t.checkFailed(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		key, err := t.keyOf(rows.RawValues())
		if err != nil {
			return nil, err
		}
		refused = append(refused, imports.RefusedRow{Sheet: t.sheet.Name, Table: t.sheet.Table, Key: key, Column: column, Reason: reason})
	}
	if err := rows.Err(); err != nil {
		return nil, t.checkFailed(ctx, err)
	}
	return refused, nil
}

// stagedKey are the columns of the key in the stage, as texts.
func (t *table) stagedKey() []string {
	keys := make([]string, len(t.key))
	for i, k := range t.key {
		c := t.columns[k]
		if keys[i] = "s." + name(c.Name); t.family(c) == booleans {
			keys[i] += "::int"
		}
		keys[i] += "::text"
	}
	return keys
}

// keyOf reads a key from the values of stagedKey.
func (t *table) keyOf(raw [][]byte) ([]imports.Value, error) {
	key := make([]imports.Value, len(t.key))
	for i, k := range t.key {
		f := texts
		if t.family(t.columns[k]).staged() == "numeric" {
			f = decimals
		}
		var err error
		if key[i], _, err = value(raw[i], t.columns[k], f, nil); err != nil {
			return nil, err
		}
	}
	return key, nil
}
