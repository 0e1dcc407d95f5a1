// Package headway is the Go client of Headway: a worker that leases jobs and reports their progress, and a watch that
// survives restarts of the service.
package headway
