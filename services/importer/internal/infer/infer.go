// Package infer guesses a schema from the sheets of files and from the tables of databases: the types of columns, keys,
// unique columns, and references. Each guess has its evidence, and cells that contradict a guess are reported.
//
// It reads each sheet a few times in bounded memory. The first reading keeps, for each column, a sample of its distinct
// values (sketch) and, for each sheet, a sample of its rows. The guesses are made from these. The later readings check
// them for every row, by the hashes of the values, and find the cells that contradict the guesses. The same files lead to the same schema.
package infer

import (
	"context"
	"fmt"

	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// Input is a sheet of a file.
type Input struct {
	// Name is the name of the sheet, or of the text file without its ending.
	Name string
	// File is the name of its file. It is only for messages.
	File string
	Book source.Workbook
	// Sheet is its exact name in Book.
	Sheet string
	// Lines reports whether rows are lines of a text file.
	Lines bool
}

// Options limit the memory of an inference.
type Options struct {
	// Memory is the number of bytes for samples and sets of hashes. The default is 256 MiB.
	Memory int64
}

// Guess is an inferred schema.
type Guess struct {
	Name   string   `json:"name"`
	Sheets []*Sheet `json:"sheets"`
	// Spoilt are the first cells that contradict the guesses. SpoiltCells counts all.
	Spoilt      []Spoilt `json:"spoilt"`
	SpoiltCells int      `json:"spoilt_cells"`
	// LeftOut describes the tables of a database that the schema does not have.
	LeftOut []string `json:"left_out,omitempty"`
}

// Sheet is the guess about a sheet.
type Sheet struct {
	Name string `json:"name"`
	// Title is the sheet's name in the file.
	Title string `json:"title"`
	Table string `json:"table,omitempty"`
	Rows  int    `json:"rows"`
	// Key are the names of the columns of the key. Headers are their headers.
	Key         []string  `json:"key"`
	KeyHeaders  []string  `json:"key_headers"`
	KeyEvidence string    `json:"key_evidence"`
	Columns     []*Column `json:"columns"`
	// References are all references, including those that a schema can't have.
	References []*Reference `json:"references"`
	// LeftOut describes the columns that the schema does not have.
	LeftOut []string `json:"left_out,omitempty"`
}

// Column is the guess about a column.
type Column struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// Field is the column's name in the table. It is empty if that is Name.
	Field     string      `json:"column,omitempty"`
	Type      schema.Type `json:"type"`
	Required  bool        `json:"required"`
	Unique    bool        `json:"unique"`
	MaxLength int         `json:"max_length,omitempty"`
	Allowed   []string    `json:"allowed,omitempty"`
	// Zone is the time zone of the cells, and Generate is how an import makes the values, with Sequence. They are for tables of a database.
	Zone     string           `json:"zone,omitempty"`
	Generate schema.Generator `json:"generate,omitempty"`
	Sequence string           `json:"sequence,omitempty"`
	Evidence []string         `json:"evidence"`
	// Reference is the reference that the schema has.
	Reference *Reference `json:"-"`
}

// Reference is a guess that columns refer to columns of a sheet.
type Reference struct {
	Columns  []string `json:"columns"`
	Sheet    string   `json:"sheet"`
	To       []string `json:"to"`
	Evidence string   `json:"evidence"`
	// LeftOut is the reason why the schema does not have the reference. It is empty if the schema has it.
	LeftOut string `json:"left_out,omitempty"`

	headers, toHeaders []string
	toTitle            string
}

// Headers returns the headers of the columns, the title of the sheet, and the headers of the columns there.
func (r *Reference) Headers() (columns []string, sheet string, to []string) {
	return r.headers, r.toTitle, r.toHeaders
}

// Spoilt is a cell that contradicts a guess.
type Spoilt struct {
	Sheet   string     `json:"sheet"`
	Column  string     `json:"column"`
	Cell    string     `json:"cell"`
	Row     int        `json:"row"`
	Value   string     `json:"value"`
	Kind    SpoiltKind `json:"kind"`
	Message string     `json:"message"`
}

// SpoiltKind is the kind of a contradiction.
type SpoiltKind string

// The kinds of contradictions.
const (
	// Dangling is a reference to a row that does not exist.
	Dangling SpoiltKind = "dangling"
	// OtherCase is a reference that differs only in case or blanks inside from the row that it refers to.
	OtherCase SpoiltKind = "case"
	// Blanks is a reference that begins or ends with blanks. An import removes them.
	Blanks SpoiltKind = "blanks"
	// WrongType is a value that does not have the type of its column.
	WrongType SpoiltKind = "type"
	// Repeated is a value of a key or of a unique column that an earlier row has.
	Repeated SpoiltKind = "repeated"
	// Missing is an empty cell of a key.
	Missing SpoiltKind = "missing"
)

// maxSpoilt is the number of contradicting cells that are listed. All are counted.
const maxSpoilt = 10_000

const defaultMemory = 256 << 20

// Infer reads the inputs and guesses their schema, with this name.
func Infer(ctx context.Context, schemaName string, inputs []Input, o Options) (*Guess, error) {
	if o.Memory == 0 {
		o.Memory = defaultMemory
	}
	d := &detective{memory: o.Memory}
	for _, in := range inputs {
		t, err := open(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", in.label(), err)
		}
		if t != nil {
			d.tables = append(d.tables, t)
		}
	}
	if len(d.tables) == 0 {
		return nil, ErrNothing
	}
	if len(d.tables) > schema.MaxSheets {
		return nil, fmt.Errorf("there are %d sheets with rows. A schema has at most %d", len(d.tables), schema.MaxSheets)
	}
	d.divideMemory()
	for _, t := range d.tables {
		if err := t.read(ctx, t.profileRow); err != nil {
			return nil, err
		}
		t.finish()
	}
	if err := d.verifyUnique(ctx); err != nil {
		return nil, err
	}
	d.findReferences()
	if err := d.findKeys(ctx); err != nil {
		return nil, err
	}
	g := d.guess(schemaName)
	if err := d.findSpoilt(ctx, g); err != nil {
		return nil, err
	}
	return g, nil
}

func (in *Input) label() string {
	if in.Name == "" || in.Lines {
		return in.File
	}
	return in.File + ", " + in.Name
}

// detective holds what is known of all tables.
type detective struct {
	tables []*table
	memory int64
	refs   []*reference
}

// The memory of a value in a sketch, about, and the limits of samples.
const (
	sketchBytes   = 2 * 48 // a sketch can have twice its limit before it shrinks
	maxSketch     = 1 << 16
	minSketch     = 256
	maxSampleRows = 20_000
	minSampleRows = 64
)

// divideMemory limits the sketches to half of the memory, and the samples of rows to an eighth. The rest is for the sets of
// hashes.
func (d *detective) divideMemory() {
	columns := 0
	for _, t := range d.tables {
		columns += len(t.columns)
	}
	columns = max(columns, 1)
	limit := min(max(int(d.memory/2)/columns/2/sketchBytes, minSketch), maxSketch)
	sample := min(max(int(d.memory/8)/columns/8, minSampleRows), maxSampleRows)
	for _, t := range d.tables {
		t.sampleRows = sample
		for _, c := range t.columns {
			c.exact, c.folded = newSketch(limit), newSketch(limit)
		}
	}
}
