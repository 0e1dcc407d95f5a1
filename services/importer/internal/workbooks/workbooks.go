// Package workbooks opens the stored workbooks of imports within a memory budget.
package workbooks

import (
	"context"
	"io"

	"headway/internal/governor"
	"headway/services/importer/internal/files"
	"headway/services/importer/internal/source"
)

// Reader opens workbooks.
type Reader struct {
	Files *files.Store
	// Openers open the kinds of files that can be imported.
	Openers source.Openers
	// Limits bound the size of an unpacked workbook.
	Limits source.Limits
	// Memory is the budget of all open workbooks. If it is nil, there is no limit.
	Memory *governor.Budget
}

// Book is an open workbook.
type Book struct {
	// Workbook is not embedded, because its other methods depend on its format.
	Workbook source.Workbook
	// Share is the memory that is reserved for the workbook, and for what is made of it.
	Share *governor.Share

	file *files.File
}

// Open opens the workbook of the import with an ID. It reserves memory for reading, and extra bytes.
func (r *Reader) Open(ctx context.Context, id string, hints source.Hints, extra int64) (*Book, error) {
	file, err := r.Files.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	share, err := r.Memory.Acquire(ctx, source.OpenBytes+extra)
	if err != nil {
		file.Close()
		return nil, err
	}
	limits := r.Limits
	limits.Memory = share
	book, err := r.Openers.For(hints).Open(ctx, file, file.Size(), limits)
	if err != nil {
		file.Close()
		share.Release()
		return nil, err
	}
	return &Book{Workbook: book, Share: share, file: file}, nil
}

// Unpack writes the workbook that is inside the file of an import, within a share of memory. inside is the error of Open.
func (r *Reader) Unpack(ctx context.Context, id string, inside *source.InsideError, share *governor.Share, out io.Writer) error {
	file, err := r.Files.Open(ctx, id)
	if err != nil {
		return err
	}
	defer file.Close()
	limits := r.Limits
	limits.Memory = share
	return inside.Unpack(ctx, file, file.Size(), limits, out)
}

// Close closes the workbook, and releases its memory.
func (b *Book) Close() error {
	defer b.Share.Release()
	defer b.file.Close()
	return b.Workbook.Close()
}
