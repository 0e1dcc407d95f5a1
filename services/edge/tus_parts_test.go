package edge_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// dialPart opens a bare connection and sends the head of a request with the bytes of a part.
func (b *tusBench) dialPart(method, path string, length int, header string) net.Conn {
	b.t.Helper()
	host := strings.TrimPrefix(b.url, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nTus-Resumable: 1.0.0\r\n%s\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: %d\r\n\r\n",
		method, path, host, b.token("ann"), header, length)
	return conn
}

func TestBrokenPartIsResumed(t *testing.T) {
	b := setupTus(t, nil)
	workbook := workbookOf(2 << 20)
	path := b.begin(len(workbook))
	conn := b.dialPart(http.MethodPatch, path, len(workbook), "Upload-Offset: 0")
	fmt.Fprint(conn, workbook[:900_000])
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(text), "UPLOAD_INTERRUPTED") || !strings.Contains(string(text), "The bytes that arrived are stored") {
		t.Errorf("%v %s", err, text)
	}
	if got := len(b.kept()); got != 900_000 {
		t.Errorf("%d bytes are kept", got)
	}
	if got := b.offset(path); got != "900000" {
		t.Fatalf("offset %s", got)
	}
	if resp := b.append(path, 900_000, strings.NewReader(workbook[900_000:])); resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp.Status)
	}
	if resp := b.makeImport(path); resp.StatusCode != http.StatusAccepted {
		t.Fatal(resp.Status)
	}
	sum := sha256.Sum256([]byte(workbook))
	if _, _, _, sha, _ := b.uploads(); sha != hex.EncodeToString(sum[:]) {
		t.Error("other bytes arrived")
	}
}

func TestOffsetRequestEndsHangingPart(t *testing.T) {
	b := setupTus(t, nil) // a sender can pause for a minute
	workbook := workbookOf(1 << 20)
	path := b.begin(len(workbook))
	conn := b.dialPart(http.MethodPatch, path, len(workbook), "Upload-Offset: 0")
	fmt.Fprint(conn, workbook[:400_000])
	eventually(t, "the part is being written", func() bool { return len(b.kept()) > 0 })
	offset, err := strconv.Atoi(b.offset(path))
	if err != nil || offset == 0 || offset > 400_000 {
		t.Fatalf("offset %d, %v", offset, err)
	}
	if resp := b.append(path, offset, strings.NewReader(workbook[offset:])); resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp.Status)
	}
	if string(b.kept()) != workbook {
		t.Error("other bytes are kept")
	}
	answer := make([]byte, 12)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 423" {
		t.Errorf("the one that hung got %q, %v", answer, err)
	}
}

func TestConcurrentPartsNeverMix(t *testing.T) {
	b := setupTus(t, nil)
	const length = 4 << 20
	path := b.begin(length)
	first := b.dialPart(http.MethodPatch, path, length, "Upload-Offset: 0")
	fmt.Fprint(first, strings.Repeat("a", 1<<20))
	second := b.dialPart(http.MethodPatch, path, length, "Upload-Offset: 0")
	go func() { fmt.Fprint(second, strings.Repeat("b", length)) }()
	go func() { fmt.Fprint(first, strings.Repeat("a", length-1<<20)) }()
	for _, conn := range []net.Conn{first, second} {
		if err := conn.SetReadDeadline(time.Now().Add(waitLimit)); err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Read(make([]byte, 100)) // an answer, or a connection that is closed
	}
	b.offset(path) // now no request is writing
	kept := b.kept()
	if fmt.Sprint(len(kept)) != b.offset(path) {
		t.Errorf("%d bytes are kept, and the offset is %s", len(kept), b.offset(path))
	}
	if a, all := bytes.Count(kept, []byte("a")), len(kept); a != 0 && a != all || all == 0 {
		t.Errorf("%d bytes of the first among %d", a, all)
	}
}
