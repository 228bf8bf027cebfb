package host

import (
	"strconv"
	"strings"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/protocol"
)

// checkHandshake checks the line with which a go-plugin plugin says where it
// listens:
//
//	CORE-VERSION|APP-VERSION|NETWORK|ADDRESS|PROTOCOL|CERTIFICATE
//
// go-plugin checks it again; doing it here gives the versions and causes without
// reading them out of its error messages.
func checkHandshake(line string) error {
	line = strings.TrimSpace(line)
	parts := strings.Split(line, "|")
	core, err := strconv.Atoi(parts[0])
	if len(parts) < 4 || err != nil {
		return notHandshake(line)
	}
	if core != goplugin.CoreProtocolVersion {
		return fault.New(fault.Plugin, "its go-plugin library speaks core protocol version %d, this ltadbench speaks version %d", core, goplugin.CoreProtocolVersion).
			WithHint("rebuild the plugin with the go-plugin that this ltadbench uses, or update ltadbench")
	}
	version, err := strconv.Atoi(parts[1])
	if err != nil {
		return notHandshake(line)
	}
	if version != protocol.Version {
		f := fault.New(fault.Plugin, "it speaks version %d of the method protocol, this ltadbench speaks version %d", version, protocol.Version)
		if version > protocol.Version {
			return f.WithHint("update ltadbench, or install an older release of the plugin")
		}
		return f.WithHint("update the plugin, or build it again with a current SDK")
	}
	if network := parts[2]; network != "unix" && network != "tcp" {
		return fault.New(fault.Protocol, "it listens on a network of type %q, not unix or tcp", network)
	}
	if len(parts) < 5 || parts[4] != string(goplugin.ProtocolGRPC) {
		return fault.New(fault.Protocol, "it does not speak gRPC: its handshake is %q", shorten(line)).
			WithHint("serve ltadbench.method.v1.MethodService over go-plugin's gRPC protocol")
	}
	// Like go-plugin, take a short sixth part for something else.
	if len(parts) < 6 || len(parts[5]) <= 50 {
		return fault.New(fault.Protocol, "it did not return a certificate: its SDK does not support AutoMTLS").
			WithHint("update the plugin's SDK; the certificate from PLUGIN_CLIENT_CERT has to be answered with one in the handshake")
	}
	if err := checkCertificate(parts[5]); err != nil {
		return fault.New(fault.Protocol, "the certificate in its handshake is wrong: %w", err).
			WithHint("it has to be a self-signed X.509 certificate for the DNS name %s: its DER form in base64, without padding", serverName)
	}
	return nil
}

func notHandshake(line string) error {
	return fault.New(fault.Protocol, "it wrote %q to standard output before the handshake", shorten(line)).
		WithHint("standard output is for the handshake; a method prints to standard error, and its SDK is started before anything that prints")
}

// shorten makes a plugin's line fit for a message.
func shorten(line string) string {
	return clean(strings.TrimSpace(line), 80)
}
