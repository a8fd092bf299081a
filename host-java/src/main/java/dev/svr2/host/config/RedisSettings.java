// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.config;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Where Redis is.
 *
 * @param passwordFile a file with the password alone; empty where Redis asks for none
 * @param tls whether it speaks TLS, with a certificate that this machine trusts
 */
public record RedisSettings(HostPort address, Optional<Path> passwordFile, boolean tls) {}
