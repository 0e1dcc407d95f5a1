package imports

import "headway/internal/messages"

// Notice is information that is not an error.
type Notice struct {
	// Reason is machine-readable. It is one of those below, or a reason of headway.errors.v1.
	Reason string
	// Says is the text. Message is the English one. Notices of earlier versions have only that.
	Says    messages.Message `json:",omitzero"`
	Message string
	// Sheet is the schema's name of the sheet. It is empty if the notice is about the file.
	Sheet string
	// Count is the number of rows, columns, or merged ranges that the notice is about.
	Count uint32
	// Ranges are the first of these rows, columns, or ranges, at most MaxNoticeRanges.
	Ranges []string
}

// In returns the text in a language.
func (n *Notice) In(l messages.Language) string { return inLanguage(n.Says, n.Message, l) }

// NewNotice returns a notice about a file.
func NewNotice(reason string, says messages.Message) Notice {
	return Notice{Reason: reason, Says: says, Message: says.English()}
}

// MaxNoticeRanges is the maximum number of ranges in a notice.
const MaxNoticeRanges = 10

// TextFormatRecognized is the reason of the notice about the format of a text file.
const TextFormatRecognized = "TEXT_FORMAT"

// FilesIgnored is the reason of the notice about files of an archive that were not read.
const FilesIgnored = "FILES_IGNORED"

// The reasons of notices about a sheet.
const (
	HiddenSheet      = "HIDDEN_SHEET"
	HiddenIgnored    = "HIDDEN_IGNORED"
	VisiblePreferred = "VISIBLE_PREFERRED"
	HiddenRows       = "HIDDEN_ROWS"
	HiddenColumns    = "HIDDEN_COLUMNS"
	MergesApplied    = "MERGED_CELLS"
	TotalsLeftOut    = "TOTALS_LEFT_OUT"
	HeadersLeftOut   = "HEADERS_LEFT_OUT"
	FillersLeftOut   = "FILLERS_LEFT_OUT"
	OtherTable       = "OTHER_TABLE"
	BelowTable       = "BELOW_TABLE"
	AboveTable       = "ABOVE_TABLE"
	TableIgnored     = "TABLE_IGNORED"
	SparseRows       = "SPARSE_ROWS"
	SumRows          = "SUM_ROWS"
	RepeatedRows     = "REPEATED_ROWS"
	ColumnsAdded     = "COLUMNS_ADDED"
)
