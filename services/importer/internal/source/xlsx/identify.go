package xlsx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"path"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"headway/internal/messages"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/zipxml"
)

// Refuse implements source.Refuser. A zip package can start with other bytes, and a compound file can have its names
// anywhere, so it refuses only files that are certainly of another kind.
func (Opener) Refuse(head []byte) error {
	if bytes.HasPrefix(head, []byte(compoundMagic)) {
		return nil
	}
	err := identify(bytes.NewReader(head), int64(len(head)), nil)
	var refused *source.Error
	if errors.As(err, &refused) && refused.Why.ID != "file.unknown" {
		return err
	}
	return nil
}

const compoundMagic = "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"

// identify returns the error for a file that is not a zip package because of cause.
func identify(r io.ReaderAt, size int64, cause error) error {
	head := make([]byte, min(size, 4096))
	n, err := r.ReadAt(head, 0)
	if head = head[:n]; n == 0 && err != nil && err != io.EOF {
		return err
	}
	starts := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case starts("PK\x03\x04"), starts("PK\x05\x06"), starts("PK\x07\x08"):
		reason := source.Damaged
		if isArchive(head) {
			reason = source.ArchiveDamaged
		}
		e := source.Refuse(reason, messages.New("file.cut_off"))
		e.Err = cause
		return e
	case starts(compoundMagic):
		return identifyCompound(r, size, head)
	case starts("\x09\x08"), starts("\x09\x04"), starts("\x09\x02"), starts("\x09\x00\x04\x00"):
		return zipxml.Refuse(source.LegacyWorkbook, "", "")
	case starts("%PDF-"):
		return source.Refuse(source.NotAWorkbook, messages.New("file.pdf"))
	case starts("\x1F\x8B"), starts("7z\xBC\xAF"), starts("Rar!"), starts("BZh"), starts("\xFD7zXZ"):
		return source.Refuse(source.NotAWorkbook, messages.New("file.other_archive"))
	}
	if isLockFile(head, size) {
		return source.Refuse(source.NotAWorkbook, messages.New("file.lock_file"))
	}
	if starts("\x00\x05\x16\x07") {
		return source.Refuse(source.NotAWorkbook, messages.New("file.macos_file"))
	}
	text, ok := plainText(head)
	if !ok {
		return source.Refuse(source.NotAWorkbook, messages.New("file.unknown"))
	}
	text = bytes.ToLower(bytes.TrimSpace(text))
	switch {
	case bytes.HasPrefix(text, []byte("<")) && bytes.Contains(text, []byte(`="urn:schemas-microsoft-com:office:spreadsheet"`)):
		return source.Refuse(source.LegacyWorkbook, messages.New("file.xml_2003"))
	case isWebPage(text):
		return source.Refuse(source.NotAWorkbook, messages.New("file.web_page"))
	case bytes.HasPrefix(text, []byte("{")) && (bytes.Contains(text, []byte(`"doc_id"`)) || bytes.Contains(text, []byte("docs.google.com"))):
		return source.Refuse(source.NotAWorkbook, messages.New("file.google_link"))
	case bytes.HasPrefix(text, []byte(`{\rtf`)):
		return source.Refuse(source.NotAWorkbook, messages.New("file.rtf"))
	case source.IsJSON(text):
		return source.Refuse(source.NotAWorkbook, messages.New("file.json"))
	case bytes.HasPrefix(text, []byte("<?xml")) && bytes.Contains(text, []byte("application/vnd.oasis.opendocument.spreadsheet")):
		return zipxml.Refuse(source.OpenDocument, "", "")
	case bytes.HasPrefix(text, []byte("<?xml")):
		return source.Refuse(source.NotAWorkbook, messages.New("file.xml"))
	case len(text) == 0:
		return source.Refuse(source.EmptyFile, messages.New("file.blank"))
	}
	return zipxml.Refuse(source.TextFile, "", "")
}

// isArchive reports whether the first file of a zip archive is a text file, by its name.
func isArchive(head []byte) bool {
	const nameLength, nameAt = 26, 30 // in the local file header
	if len(head) < nameAt {
		return false
	}
	name := head[nameAt:min(nameAt+int(binary.LittleEndian.Uint16(head[nameLength:])), len(head))]
	switch strings.ToLower(path.Ext(string(name))) {
	case ".csv", ".tsv", ".txt":
		return true
	}
	return false
}

// isLockFile recognizes a file “~$name.xlsx”. It has the length of a user's name, the name padded with blanks, and the
// same in UTF-16.
func isLockFile(head []byte, size int64) bool {
	const nameField, lockFile = 55, 165
	if size != lockFile || len(head) < nameField+2 || head[0] == 0 || int(head[0]) >= nameField {
		return false
	}
	return len(bytes.Trim(head[1+head[0]:nameField-1], " \x00")) == 0
}

// isWebPage recognizes HTML, with or without comments before it, and web archives.
func isWebPage(text []byte) bool {
	for bytes.HasPrefix(text, []byte("<!--")) {
		_, rest, ok := bytes.Cut(text, []byte("-->"))
		if !ok {
			break
		}
		text = bytes.TrimSpace(rest)
	}
	for _, start := range []string{"<!doctype html", "<html", "<head", "<body", "<meta", "<script", "<!--"} {
		if bytes.HasPrefix(text, []byte(start)) {
			return true
		}
	}
	return bytes.Contains(text, []byte("<table")) || bytes.HasPrefix(text, []byte("mime-version:"))
}

// plainText returns head as UTF-8 if it is text, in UTF-16 with a byte order mark, or in any encoding that extends
// ASCII. Text has no control characters other than white space.
func plainText(head []byte) ([]byte, bool) {
	if len(head) >= 2 && (head[0] == 0xFF && head[1] == 0xFE || head[0] == 0xFE && head[1] == 0xFF) {
		order := binary.ByteOrder(binary.LittleEndian)
		if head[0] == 0xFE {
			order = binary.BigEndian
		}
		units := make([]uint16, 0, len(head)/2)
		for i := 2; i+1 < len(head); i += 2 {
			units = append(units, order.Uint16(head[i:]))
		}
		head = []byte(string(utf16.Decode(units)))
	}
	head = bytes.TrimPrefix(head, []byte("\xEF\xBB\xBF"))
	for _, c := range head {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1A || c == 0x7F {
			return nil, false
		}
	}
	// A text is mostly ASCII, or valid UTF-8. Random bytes are neither.
	high := 0
	for _, c := range head {
		if c >= 0x80 {
			high++
		}
	}
	cut := head
	for len(cut) > 0 && len(head)-len(cut) < utf8.UTFMax && !utf8.Valid(cut) {
		cut = cut[:len(cut)-1] // the sample can end inside a character
	}
	return head, high*3 <= len(head) || utf8.Valid(cut)
}

// identifyCompound identifies a compound file (MS-CFB) by the names of its streams.
func identifyCompound(r io.ReaderAt, size int64, head []byte) error {
	names := compoundNames(r, size, head)
	switch {
	case names["EncryptedPackage"] || names["EncryptionInfo"]:
		return zipxml.Refuse(source.Encrypted, "", "")
	case names["Workbook"] || names["Book"]:
		return zipxml.Refuse(source.LegacyWorkbook, "", "")
	case names["WordDocument"]:
		return source.Refuse(source.NotAWorkbook, messages.New("file.old_word"))
	case names["PowerPoint Document"]:
		return source.Refuse(source.NotAWorkbook, messages.New("file.old_powerpoint"))
	}
	return source.Refuse(source.NotAWorkbook, messages.New("file.compound"))
}

// compoundNames lists the streams and folders of a compound file, as far as
// its directory is readable: MS-CFB §2.2 (header), §2.3 (FAT), §2.6 (directory entries). At most compoundSectors
// sectors are read.
func compoundNames(r io.ReaderAt, size int64, head []byte) map[string]bool {
	const compoundSectors, endOfChain = 1024, 0xFFFFFFFA
	names := map[string]bool{}
	if len(head) < 512 {
		return names
	}
	shift := binary.LittleEndian.Uint16(head[0x1E:])
	if shift != 9 && shift != 12 {
		return names
	}
	sector := make([]byte, 1<<shift)
	read := func(id uint32, into []byte) bool {
		off := (int64(id) + 1) << shift
		n, _ := r.ReadAt(into, off)
		return off < size && n == len(into)
	}
	perSector := uint32(1) << (shift - 2)
	next := func(id uint32) uint32 {
		if id/perSector >= 109 { // beyond the header's own list
			return endOfChain
		}
		fat := make([]byte, 1<<shift)
		if !read(binary.LittleEndian.Uint32(head[0x4C+4*(id/perSector):]), fat) {
			return endOfChain
		}
		return binary.LittleEndian.Uint32(fat[4*(id%perSector):])
	}
	id := binary.LittleEndian.Uint32(head[0x30:])
	for range compoundSectors {
		if id >= endOfChain || !read(id, sector) {
			break
		}
		for at := 0; at+128 <= len(sector); at += 128 {
			length := int(binary.LittleEndian.Uint16(sector[at+64:]))
			if length < 2 || length > 64 {
				continue
			}
			units := make([]uint16, 0, 32)
			for i := 0; i+1 < length-1; i += 2 {
				units = append(units, binary.LittleEndian.Uint16(sector[at+i:]))
			}
			names[string(utf16.Decode(units))] = true
		}
		id = next(id)
	}
	return names
}
