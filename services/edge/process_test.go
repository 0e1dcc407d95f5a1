package edge_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/auth"
	"headway/internal/proctest"
	"headway/services/edge"
)

// childSettings is the environment variable that makes this test program an edge.
const childSettings = "HEADWAY_TEST_EDGE"

type childConfig struct{ Listen, Jobs, Importer, Uploads string }

// runChild runs the edge in this process, until it is killed.
func runChild(settings string) int {
	var c childConfig
	if err := json.Unmarshal([]byte(settings), &c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	key, err := auth.NewKey(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	s, err := edge.New(edge.Config{
		Settings: edge.Settings{Listen: c.Listen}, JobsAddress: c.Jobs, ImporterAddress: c.Importer, Verifier: key, Key: key, UploadsDir: c.Uploads,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	fmt.Println(s.Addr())
	if err := s.Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// child starts an edge in its own process, with the same services as the test's edge, and makes the bench use it. A
// later child has the same address.
func (b *bench) child(uploads string) *proctest.Process {
	b.t.Helper()
	if b.childAddr == "" {
		b.childAddr = proctest.FreeAddress(b.t)
	}
	settings, err := json.Marshal(childConfig{b.childAddr, b.jobsUp.addr, b.importerUp.addr, uploads})
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), childSettings+"="+string(settings)), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	child := proctest.Start(b.t, cmd)
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		b.t.Fatal(err)
	}
	b.url = "http://" + b.childAddr
	return child
}

// peakMemory returns the peak memory of a process, in MiB.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("no VmHWM in %s", text)
	}
	kb, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kb >> 10
}

// zeros is a workbook of any length, which is generated while it is read.
func zeros(length int64) io.Reader {
	return io.MultiReader(strings.NewReader("PK"), io.LimitReader(zeroReader{}, length-2))
}

type zeroReader struct{}

func (zeroReader) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestEdgeMemoryIsIndependentOfFileSize(t *testing.T) {
	b := setup(t, nil)
	uploads := t.TempDir()
	edge := b.child(uploads)
	ways := map[string]func(int64) *http.Response{
		"as the body": func(length int64) *http.Response {
			return b.upload(zeros(length), xlsxType, "")
		},
		"in a form": func(length int64) *http.Response {
			var head bytes.Buffer
			w := multipart.NewWriter(&head)
			if _, err := w.CreateFormFile("file", "large.xlsx"); err != nil {
				t.Fatal(err)
			}
			tail := strings.NewReader("\r\n--" + w.Boundary() + "--\r\n")
			return b.upload(io.MultiReader(&head, zeros(length), tail), w.FormDataContentType(), "")
		},
		"resumable": func(length int64) *http.Response {
			tus := &tusBench{b, uploads}
			path := tus.begin(int(length))
			if resp := tus.append(path, 0, zeros(length)); resp.StatusCode != http.StatusNoContent {
				t.Fatal(resp.Status)
			}
			return tus.makeImport(path)
		},
	}
	const small, large = 4 << 20, 500_000_000
	for name, upload := range ways {
		if resp := upload(small); resp.StatusCode != http.StatusAccepted {
			t.Fatalf("%s: %s", name, resp.Status)
		}
	}
	before := peakMemory(t, edge.Process.Pid)
	for name, upload := range ways {
		if resp := upload(large); resp.StatusCode != http.StatusAccepted {
			t.Fatalf("%s: %s", name, resp.Status)
		}
		after := peakMemory(t, edge.Process.Pid)
		t.Logf("500 MB %s: %d MiB at most, %d MiB after small ones", name, after, before)
		if after > before+16 { // the uncollected garbage varies by a few MiB
			t.Errorf("500 MB %s cost the edge %d MiB, small ones %d MiB", name, after, before)
		}
	}
}

func TestUploadResumesAfterEdgeWasKilled(t *testing.T) {
	b := setup(t, nil)
	tus := &tusBench{b, filepath.Join(t.TempDir(), "uploads")}
	edge := b.child(tus.dir)
	workbook := workbookOf(3 << 20)
	path := tus.begin(len(workbook), "filename", "staff.xlsx")
	conn := tus.dialPart(http.MethodPatch, path, len(workbook), "Upload-Offset: 0")
	fmt.Fprint(conn, workbook[:2<<20])
	eventually(t, "much has arrived", func() bool { return len(tus.kept()) >= 1<<20 })
	_ = edge.Kill()
	orphan := filepath.Join(tus.dir, "ORPHAN.part") // the edge was killed while it created another upload
	if err := os.WriteFile(orphan, []byte("PK"), 0o600); err != nil {
		t.Fatal(err)
	}

	edge = b.child(tus.dir)
	if _, err := os.Stat(orphan); err == nil {
		t.Error("half an upload is kept")
	}
	offset, err := strconv.Atoi(tus.offset(path))
	if err != nil || offset < 1<<20 || offset > 2<<20 {
		t.Fatalf("offset %d, %v", offset, err)
	}
	if resp := tus.append(path, offset, strings.NewReader(workbook[offset:])); resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp.Status)
	}
	b.importer.byRequest, b.importer.loseAnswers = map[string]*importsv1.Import{}, 1
	b.refused(tus.makeImport(path), http.StatusServiceUnavailable, "SHUTTING_DOWN")
	_ = edge.Kill() // the import was created, but no response arrived

	edge = b.child(tus.dir)
	for range 2 {
		status, answer := b.decode(tus.makeImport(path))
		if status != http.StatusAccepted || answer["replayed"] != true {
			t.Fatalf("%d %v", status, answer)
		}
		_ = edge.Kill()
		edge = b.child(tus.dir) // the next edge, which only read about it, returns the same import
	}
	sum := sha256.Sum256([]byte(workbook))
	if _, kept, _, sha, _ := b.uploads(); kept != 1 || sha != hex.EncodeToString(sum[:]) {
		t.Errorf("%d imports, of the bytes %s", kept, sha)
	}
}
