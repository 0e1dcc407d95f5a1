package jobs_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"headway/clients/go"
	"headway/internal/natstest"
	"headway/internal/pgtest"
	"headway/internal/proctest"
)

// Two replicas of the real program run under load, and each call of users, workers, and watchers goes to any of them. They are killed,
// stopped, and frozen at random points, and lose NATS. What holds for one program (see TestKilledServiceLosesNothingAcknowledged) holds
// for both together.
func TestReplicasLoseNothingAcknowledged(t *testing.T) {
	for name, withBus := range map[string]bool{"without a bus": false, "with NATS": true} {
		t.Run(name, func(t *testing.T) {
			server, err := pgtest.Start("fsync=off")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := server.Stop(); err != nil {
					t.Error(err)
				}
			})
			flags := []string{"--jobs-database", server.Database(t, "jobs"), "--output-blobs", "file://" + t.TempDir()}
			var bus *pgtest.Proxy
			if withBus {
				bus = pgtest.NewProxy(t, natstest.Start(t))
				flags = append(flags, "--bus", "nats://"+bus.Address())
			}
			command := programStarter(t, flags...)
			addresses := []string{proctest.FreeAddress(t), proctest.FreeAddress(t)}
			c := newCalls(t, addresses...)
			c.between = 1
			var programs [2]*proctest.Process
			start := func(i int) {
				cmd := command(addresses[i])
				cmd.Stderr = os.Stderr
				programs[i] = proctest.Start(t, cmd)
				awaitServing(t, addresses[i])
			}
			kill := func(i int) {
				var exit *exec.ExitError
				if err := programs[i].Kill(); !errors.As(err, &exit) || exit.Exited() {
					t.Errorf("the program ended by itself: %v", err)
				}
			}
			for i := range programs {
				start(i)
				t.Cleanup(func() { kill(i) })
			}
			c.run(func(n int) {
				i := rand.IntN(len(programs))
				switch n % 4 {
				case 0:
					kill(i)
					start(i)
				case 1:
					_ = programs[i].Process.Signal(syscall.SIGTERM)
					if err := programs[i].Wait(); err != nil {
						t.Errorf("the program does not end in order: %v", err)
					}
					start(i)
				case 2:
					_ = programs[i].Process.Signal(syscall.SIGSTOP)
					time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
					_ = programs[i].Process.Signal(syscall.SIGCONT)
				case 3:
					if bus != nil {
						bus.Cut()
					}
				}
			}, max(crashes(t)/5, 4))
		})
	}
}

// awaitServing waits until the program at an address serves calls, so that it is stopped in order, and not while it starts.
func awaitServing(t *testing.T, address string) {
	t.Helper()
	conn, err := grpc.NewClient(address, append(headway.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
		t.Fatalf("the program at %s does not serve: %v", address, err)
	}
}
