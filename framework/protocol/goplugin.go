package protocol

import (
	"context"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// Handshake is what go-plugin compares before anything else.
var Handshake = goplugin.HandshakeConfig{
	ProtocolVersion:  Version,
	MagicCookieKey:   CookieKey,
	MagicCookieValue: CookieValue,
}

// PluginName is the name under which go-plugin serves and dispenses the Service.
const PluginName = "method"

// Plugins gives go-plugin the versions of the protocol: s to serve, or nil to
// dispense a client.
func Plugins(s Service) map[int]goplugin.PluginSet {
	return map[int]goplugin.PluginSet{Version: {PluginName: &adapter{service: s}}}
}

type adapter struct {
	goplugin.NetRPCUnsupportedPlugin
	service Service
}

var _ goplugin.GRPCPlugin = (*adapter)(nil)

func (a *adapter) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	Register(s, a.service)
	return nil
}

func (a *adapter) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return NewClient(conn), nil
}
