package check

import (
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/keyset"
)

// State is the outcome of a row.
type State uint8

// The states.
const (
	// Undecided rows are being checked.
	Undecided State = iota
	// Accepted rows will be written, unless their result is Unchanged.
	Accepted
	// Present rows are rejected only because the database already has their key. Other rows can refer to them.
	Present
	// Rejected rows have errors.
	Rejected
	// Blocked rows refer to a row that is rejected or blocked.
	Blocked
	// Pending rows wait for the end of the sheet, because the row that they refer to might follow.
	Pending
	// Repeated rows have been rejected by Decide. Deferred only adds issues to them.
	Repeated
	// Same rows of a distinct sheet are equal to an earlier row. They are not counted.
	Same
)

// Verdict is the outcome of one row of a batch.
type Verdict struct {
	// Row is the row's number in the file.
	Row   int
	State State
	// Result is the effect of an accepted row on the database.
	Result imports.RowResult
}

// entry is the row that has a key.
type entry struct {
	row uint32
	// cause is the root cause of a rejected or blocked row, from 1, or 0 as long as it is unknown. For a pending row, it is
	// the index among the deferred rows, from 1.
	cause uint32
	state State
	// code and column are the first error of a rejected row. column counts from 0; -1 is the whole row.
	code   imports.IssueCode
	column int16
}

type keys = keyset.Set[entry]

// record stores the outcome of the row that is being decided.
func record(k *keys, index int, v *decision) {
	e := k.Get(index)
	e.state, e.cause, e.code, e.column = v.state, v.cause, v.code, v.column
	k.Put(index, e)
}
