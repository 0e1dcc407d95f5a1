package bucket

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"headway/internal/blobs"
	"headway/services/edge/internal/tus"
)

// The names of an upload's blobs, after OWNER/ID/. The name of the draft has the length, and parts that are joined.
const (
	draftName = "draft."
	// lengthName has the length of an upload whose draft has none.
	lengthName = "length."
	// partName has the offset of the bytes in the blob, with 16 hexadecimal digits.
	partName = "part."
	// joinedName is the blob of a part that another upload joins. It contains the ID of that upload.
	joinedName   = "joined"
	responseName = "response"

	deferredLength = "deferred"
	joiningSuffix  = ".joins"
)

// folderOf returns the common beginning of the keys of a user's uploads. Names of users can have any characters.
func folderOf(owner string) string {
	hash := sha256.Sum256([]byte(owner))
	return hex.EncodeToString(hash[:16]) + "/"
}

const (
	idBytes    = 26
	idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// isID reports whether an upload can have this ID, so that no other text becomes part of a key.
func isID(id string) bool { return len(id) == idBytes && strings.Trim(id, idAlphabet) == "" }

// joinedID returns the ID of the upload that joins parts. It is always the same, so that joining them again finds it. No user can
// guess it without the IDs of the parts.
func joinedID(parts []string) string {
	hash := sha256.Sum256([]byte(strings.Join(parts, ",")))
	return base32.StdEncoding.EncodeToString(hash[:])[:idBytes]
}

func draftKey(length int64, joins bool) string {
	name := draftName + deferredLength
	if length != tus.Deferred {
		name = draftName + strconv.FormatInt(length, 10)
	}
	if joins {
		name += joiningSuffix
	}
	return name
}

func lengthKey(length int64) string { return lengthName + strconv.FormatInt(length, 10) }

func partKey(offset int64) string { return fmt.Sprintf("%s%016x", partName, offset) }

// part is a blob with bytes of an upload.
type part struct {
	name         string
	offset, size int64
}

// state is the state of an upload, according to the list of its blobs.
type state struct {
	folder, id string
	// draft is the name of the draft. It is empty if there is no such upload.
	draft string
	// joins means that the upload joins others, and joined that another one joins it.
	joins, joined bool
	// length is the size of the whole file, or tus.Deferred, and offset the number of bytes that have arrived.
	length, offset int64
	parts          []part
	responded      bool
	// touched is when the last blob was stored.
	touched time.Time
	// names has all blobs.
	names []string
}

// prefix is the common beginning of the upload's keys.
func (s *state) prefix() string { return s.folder + s.id + "/" }

// add adds a blob. Blobs come in the order of their names, so those with bytes are in order.
func (s *state) add(name string, b blobs.Blob) {
	s.names = append(s.names, name)
	if b.ModTime.After(s.touched) {
		s.touched = b.ModTime
	}
	switch {
	case strings.HasPrefix(name, draftName) && s.draft == "":
		text, joins := strings.CutSuffix(strings.TrimPrefix(name, draftName), joiningSuffix)
		if s.draft, s.joins = name, joins; text == deferredLength {
			s.length = tus.Deferred
		} else {
			s.length, _ = strconv.ParseInt(text, 10, 64) // this package wrote it
		}
	case strings.HasPrefix(name, lengthName) && s.length == tus.Deferred:
		s.length, _ = strconv.ParseInt(strings.TrimPrefix(name, lengthName), 10, 64)
	case strings.HasPrefix(name, partName):
		offset, err := strconv.ParseInt(strings.TrimPrefix(name, partName), 16, 64)
		if err == nil && offset == s.offset { // always, because each part begins at the end of the one before
			s.parts = append(s.parts, part{name, offset, b.Size})
			s.offset += b.Size
		}
	case name == joinedName:
		s.joined = true
	case name == responseName:
		s.responded = true
	}
}

// settle completes the state when all blobs are known.
func (s *state) settle() {
	if s.joins || s.responded { // the bytes are in the parts, or were imported
		s.offset = s.length
	}
}

func (s *state) complete() bool { return s.offset == s.length }

func (s *state) expires(ttl time.Duration) time.Time {
	if s.responded {
		ttl = min(ttl, responseTTL)
	}
	return s.touched.Add(ttl)
}

// idle reports whether the upload is unfinished and has received nothing for a while.
func (s *state) idle(after time.Duration) bool {
	return !s.complete() && !s.joined && time.Since(s.touched) > after
}

// reserved returns the bytes that count for an upload: its whole length while it makes progress, and the received bytes
// when it is idle.
func (s *state) reserved(idleAfter time.Duration) int64 {
	switch {
	case s.responded || s.joins: // the parts are counted
		return 0
	case time.Since(s.touched) > idleAfter:
		return s.offset
	}
	return max(s.length, s.offset)
}

// byAge sorts uploads by the time of their last bytes.
func byAge(list []*state) {
	slices.SortFunc(list, func(a, b *state) int { return a.touched.Compare(b.touched) })
}
