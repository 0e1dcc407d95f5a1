package main

import (
	"time"

	"google.golang.org/grpc"

	"headway/cmd/internal/program"
	"headway/internal/auth"
	"headway/internal/rpcclient"
)

// localUser is the user of this machine if there is no other sign-in. The web UI uses the same name.
const localUser = program.LocalUser

// connectFlags are the flags of commands that call a service.
type connectFlags struct {
	program.KeyFlags
	program.ClientTLSFlags
	Token string `help:"Token to call with. Without one, a token for the local user is signed with the key in the data directory." placeholder:"TOKEN"`
}

// localIdentity returns the local user, who has access to the key, and so has all rights.
func localIdentity() auth.Identity {
	all := auth.AllRights()
	return auth.Identity{Subject: localUser, Scopes: all.Scopes, Kinds: all.Kinds, Schemas: all.Schemas}
}

// dial connects in the background. If a service is unavailable, the first call fails.
func (c *connectFlags) dial(address string) (*grpc.ClientConn, error) {
	token := c.Token
	if token == "" {
		key, err := c.SigningKey()
		if err != nil {
			return nil, err
		}
		if token, err = key.Sign(localIdentity(), 24*time.Hour); err != nil {
			return nil, err
		}
	}
	transport, err := c.Credentials()
	if err != nil {
		return nil, err
	}
	return rpcclient.Dial(address, rpcclient.Config{Credentials: auth.StaticCredentials(token), Transport: transport})
}
