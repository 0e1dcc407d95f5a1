package zipxml

import (
	"fmt"

	"headway/services/importer/internal/source"
)

// Refuse returns an error about a part of the package, such as "xl/worksheets/sheet1.xml", or about the whole file if
// where is empty.
func Refuse(reason source.Reason, where, format string, args ...any) *source.Error {
	return &source.Error{Reason: reason, Where: where, Message: fmt.Sprintf(format, args...)}
}
