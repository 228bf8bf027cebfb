package host

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// clientCertEnv is the variable in which go-plugin's plugins look for the host's
// certificate.
const clientCertEnv = "PLUGIN_CLIENT_CERT"

// serverName is the name that both certificates are for.
const serverName = "localhost"

// mutualTLS is the host's half of go-plugin's AutoMTLS: the TLS configuration of
// its end of one connection, and the certificate for the plugin in PEM form. It
// differs from go-plugin's own in the key, which is of the curve P-256 and not
// P-521: BoringSSL, and with it the grpcio that pip installs, does not ask for
// signatures by P-521 keys, so that Go sends it no certificate at all.
func mutualTLS() (*tls.Config, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: serverName, Organization: []string{"ltadbench"}},
		DNSNames:              []string{serverName},
		SerialNumber:          serial,
		NotBefore:             time.Now().Add(-time.Hour), // clocks are set back
		NotAfter:              time.Now().AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true, // the plugin trusts this certificate and no other
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		MinVersion:   tls.VersionTLS12,
		ServerName:   serverName,
		// Trust nobody until go-plugin has read the plugin's certificate.
		RootCAs: x509.NewCertPool(),
	}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// checkCertificate says what is wrong with the certificate in a handshake.
func checkCertificate(text string) error {
	der, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		if _, padded := base64.StdEncoding.DecodeString(text); padded == nil {
			return errors.New("its base64 text is padded with \"=\"")
		}
		return errors.New("it is not base64")
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("it is not an X.509 certificate in DER form: %s", clean(err.Error(), 200))
	}
	if err := cert.VerifyHostname(serverName); err != nil {
		return fmt.Errorf("it is not for the DNS name %s: %s", serverName, clean(err.Error(), 200))
	}
	if now := time.Now().UTC(); now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
		return fmt.Errorf("it is valid from %s to %s, and now it is %s", cert.NotBefore.Format(time.RFC3339), cert.NotAfter.Format(time.RFC3339), now.Format(time.RFC3339))
	}
	return nil
}
