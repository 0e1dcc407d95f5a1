package proctest_test

import (
	"net"
	"testing"

	"headway/internal/proctest"
)

func TestAddressesAreNotGivenTwice(t *testing.T) {
	given := map[string]bool{}
	for range 500 {
		address := proctest.FreeAddress(t)
		if given[address] {
			t.Fatalf("%s was given twice", address)
		}
		given[address] = true
	}
	for address := range given {
		lis, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		lis.Close()
		break
	}
}
