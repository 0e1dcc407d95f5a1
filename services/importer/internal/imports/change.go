package imports

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"headway/internal/messages"
)

// Manage determines what Headway may change in the tables of a database.
type Manage string

const (
	// ManageNever leaves tables as they are.
	ManageNever Manage = "never"
	// ManageCreate creates missing tables.
	ManageCreate Manage = "create"
	// ManageExtend also adds missing columns and unique indexes to tables.
	ManageExtend Manage = "extend"
)

// Manages are all values of Manage.
var Manages = []Manage{ManageExtend, ManageCreate, ManageNever}

// Change is a change of a table that its schema needs.
type Change struct {
	// Table is its name, as the schema has it.
	Table string
	Kind  ChangeKind
	// Detail describes the change, or what prevents it.
	Detail string
	// Says is Detail as a message, for users. It is set for kinds that imports make by themselves, except Create.
	Says messages.Message
	// Statements make the change. There are none if it is prevented.
	Statements []string
}

// ChangeKind is the kind of a change.
type ChangeKind string

const (
	// Create is a new table.
	Create ChangeKind = "create"
	// Extend is a new column or index. Rows keep their values.
	Extend ChangeKind = "extend"
	// Migrate is any other change: a new name, type, key, or rule. Imports never make it by themselves.
	Migrate ChangeKind = "migrate"
	// Blocked means that the table can't be changed so that it fits the schema.
	Blocked ChangeKind = "blocked"
	// Left is a difference that stays, because the change is not possible. Imports don't need it. It has no statements.
	Left ChangeKind = "left"
)

// maxColumns is the number of columns that a message about a change lists.
const maxColumns = 12

// extend returns a change of kind Extend.
func extend(table string, says messages.Message, statements []string) Change {
	return Change{Table: table, Kind: Extend, Detail: says.English(), Says: says, Statements: statements}
}

// AddColumns returns the change that adds columns to a table.
func AddColumns(table string, columns []string, statements ...string) Change {
	return extend(table, messages.New("change.columns", messages.Count("n", len(columns)), messages.Text("columns", strings.Join(columns[:min(len(columns), maxColumns)], ", "))), statements)
}

// MakeUnique returns the change that makes a column unique.
func MakeUnique(table, column string, statements ...string) Change {
	return extend(table, messages.New("change.unique", messages.Text("column", column)), statements)
}

// AllowDuplicates returns the change after which a column is no longer unique.
func AllowDuplicates(table, column string, statements ...string) Change {
	return extend(table, messages.New("change.duplicates", messages.Text("column", column)), statements)
}

// ChangeIndexes returns the change of a table's unique indexes.
func ChangeIndexes(table string, statements ...string) Change {
	return extend(table, messages.New("change.indexes"), statements)
}

// ErrPlanChanged means that the database now needs other changes than those that were shown.
var ErrPlanChanged = errors.New("the tables have changed since the plan was made. Review the new plan")

// Allows returns an error if changes of a kind are not allowed.
func (m Manage) Allows(c Change) error {
	switch {
	case c.Kind == Blocked:
		return &TableConflictError{Table: c.Table, Detail: c.Detail}
	case c.Kind == Create && m != ManageNever, c.Kind == Extend && m != ManageNever && m != ManageCreate:
		return nil
	case c.Kind == Migrate:
		return &TableConflictError{Table: c.Table, Detail: "it has to be migrated first: " + c.Detail + ". Review the plan with `headway schema diff`, and run `headway schema migrate`"}
	}
	return &TableConflictError{Table: c.Table,
		Detail: fmt.Sprintf("it needs a change that imports may not make here (manage: %s): %s. Review the plan with `headway schema diff`, and run `headway schema migrate`", m, c.Detail)}
}

// SamePlan reports whether two plans have the same statements in the same order.
func SamePlan(a, b []Change) bool {
	return slices.EqualFunc(a, b, func(x, y Change) bool { return x.Kind == y.Kind && slices.Equal(x.Statements, y.Statements) })
}

// BlockedChange returns the change of a table's plan that stands for a conflict. It reports false for other errors.
func BlockedChange(table string, err error) (Change, bool) {
	var conflict *TableConflictError
	if !errors.As(err, &conflict) {
		return Change{}, false
	}
	return Change{Table: table, Kind: Blocked, Detail: conflict.Detail}, true
}

// BlockedBy returns the first reason why a plan can't be carried out, or nil.
func BlockedBy(plan []Change) error {
	for _, c := range plan {
		if c.Kind == Blocked {
			return &TableConflictError{Table: c.Table, Detail: c.Detail}
		}
	}
	return nil
}

// String returns the change as a text of several lines.
func (c Change) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\n", c.Kind, c.Table, c.Detail)
	for _, s := range c.Statements {
		fmt.Fprintf(&b, "    %s;\n", strings.ReplaceAll(s, "\n", "\n    "))
	}
	return b.String()
}
