// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.config;

import java.nio.file.Path;
import java.util.Optional;

/**
 * The PEM files of one plane.
 *
 * @param certificates the server's own certificate, then those that lead to the authority
 * @param key PKCS #8, not encrypted; RSA or elliptic curve
 * @param authorities who may have signed the other side's certificate; empty where none is asked
 *     for
 */
public record TlsFiles(Path certificates, Path key, Optional<Path> authorities) {}
