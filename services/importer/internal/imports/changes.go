package imports

// ColumnChanges are the cells of a column that were changed before they were imported.
type ColumnChanges struct {
	// Column is the schema's name.
	Column string
	// Cells counts the cells, each once.
	Cells uint32
	// Rules have changed them, in the order in which they are applied.
	Rules []RuleChanges
}

// RuleChanges are the cells of a column that one rule has changed.
type RuleChanges struct {
	// Rule is the name of the rule. It is "reading" if the text of the cell had exactly one reading without a rule.
	Rule  string
	Cells uint32
	// Samples are the first of them, at most MaxSamples.
	Samples []ChangedCell
}

// ChangedCell is a cell before and after all rules. Texts have at most MaxSampleText characters.
type ChangedCell struct {
	// Cell is its location, as in an issue.
	Cell, Before, After string
}

// MaxSamples is the maximum number of samples of a rule in a column. MaxSampleText is the length of their texts.
const (
	MaxSamples    = 3
	MaxSampleText = 80
)
