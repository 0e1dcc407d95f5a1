package imports

import "headway/services/importer/internal/schema"

// Relation is a table as its database declares it.
type Relation struct {
	Name schema.TableName
	// Columns are in the order of the table.
	Columns []RelationColumn
	// Keys are the sets of columns that identify a row. The primary key is the first, if there is one.
	Keys []RelationKey
}

// RelationKey is a set of columns that identify a row.
type RelationKey struct {
	Columns []string
	Primary bool
	// Condition is empty if the columns identify all rows. Otherwise, they identify only the rows for which it is true, such as those that
	// are not deleted, and it is about the columns Conditional. It is true for new rows that have the defaults of these columns.
	Condition   string
	Conditional []string
}

// RelationColumn is a column of a table.
type RelationColumn struct {
	Name string
	// Declared is its type as the database writes it.
	Declared string
	// Type is the type of a schema that has the same values, or empty if there is none. MaxLength is in characters; 0 means no
	// limit. Allowed are the values of an enum.
	Type      schema.Type
	MaxLength int
	Allowed   []string
	// Moment means that a datetime is a moment, and not the local time of a clock.
	Moment  bool
	NotNull bool
	// HasDefault means that the database fills the column if a row does not have it. Generated means that it makes an ID, and
	// Computed that it accepts no other value.
	HasDefault, Generated, Computed bool
	// Sequence is a sequence from which applications take the values, as ParseTable reads it, or empty. The database does not take them itself.
	Sequence string
	// Parent is the column that a foreign key of this column leads to, or nil. If the key has other columns, this one finds the row alone.
	Parent *RelationParent
}

// RelationParent is a column that a foreign key leads to.
type RelationParent struct {
	Table  schema.TableName
	Column string
}

// Column returns a column by its name, or nil.
func (r *Relation) Column(name string) *RelationColumn {
	for i := range r.Columns {
		if r.Columns[i].Name == name {
			return &r.Columns[i]
		}
	}
	return nil
}
