package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"headway/internal/proctest"
)

// TestServicesUseMutualTLSAndReplaceTheirKeys runs the services as separate processes that accept only each other's certificates,
// and replaces the signing key and all certificates while they run.
func TestServicesUseMutualTLSAndReplaceTheirKeys(t *testing.T) {
	authority := proctest.NewAuthority(t)
	keyFile := filepath.Join(t.TempDir(), "key")
	const first, second = "the first key of this test, at least 32 bytes", "the second key of this test, at least 32 bytes"
	writeFile(t, keyFile, first)
	s := &server{t: t, data: t.TempDir(), edge: proctest.FreeAddress(t), jobs: proctest.FreeAddress(t), importer: proctest.FreeAddress(t),
		log: &proctest.Log{}}
	addresses := map[string][]string{
		"jobs":     {"--jobs-listen", s.jobs},
		"importer": {"--importer-listen", s.importer, "--jobs-address", s.jobs},
		"edge":     {"--listen", s.edge, "--jobs-address", s.jobs, "--importer-address", s.importer},
	}
	client := func(name string) []string {
		cert, key := authority.Issue(t, name)
		return []string{"--grpc-tls-cert-file", cert, "--grpc-tls-key-file", key, "--grpc-tls-ca-file", authority.File}
	}
	for _, name := range []string{"jobs", "importer", "edge"} {
		flags := append(client(name), "--grpc-tls-require-client", "--metrics-listen=-", "--key-file", keyFile, "--data", filepath.Join(s.data, name))
		s.process = s.launch(s.log, append(append([]string{name}, addresses[name]...), flags...)...)
	}
	s.waitReady()
	file, _ := s.sample(50, 0)
	imported := func(token, requestID string) {
		t.Helper()
		s.job(token, s.accepted(token, file, "request_id="+requestID), "completed")
	}
	before := s.token("ann", "--key-file", keyFile)
	imported(before, "first")

	grpcurl := func(flags ...string) (string, error) {
		out, err := exec.Command(grpcurlProgram, append(flags, "-H", "authorization: Bearer "+before, s.jobs, "headway.jobs.v1.JobService/ListJobs")...).CombinedOutput()
		return string(out), err
	}
	cert, key := authority.Issue(t, "grpcurl")
	if out, err := grpcurl("-cacert", authority.File, "-cert", cert, "-key", key); err != nil || !strings.Contains(out, `"jobs"`) {
		t.Errorf("with a certificate: %v\n%s", err, out)
	}
	for _, flags := range [][]string{{"-plaintext"}, {"-cacert", authority.File}, {"-insecure"}} {
		if out, err := grpcurl(append(flags, "-connect-timeout", "5")...); err == nil {
			t.Errorf("%v: %s", flags, out)
		}
	}
	if _, stderr, code := s.command(append([]string{"import", file, "--token", before, "--jobs-address", s.jobs, "--importer-address", s.importer,
		"--request-id", "command"}, client("person")...)...); code != 0 {
		t.Errorf("headway import ended with %d: %s", code, stderr)
	}

	writeFile(t, keyFile, second+"\n"+first)
	for name := range addresses {
		authority.Issue(t, name)
	}
	after := s.token("ann", "--key-file", keyFile)
	imported(after, "second")
	imported(before, "third")
	writeFile(t, keyFile, second)
	eventually(t, "a token of the removed key is refused", func() error {
		status, _ := s.rest(before, "GET", "/api/v1/jobs", nil)
		if status != 401 {
			return os.ErrExist
		}
		return nil
	})
	imported(after, "fourth")
}
