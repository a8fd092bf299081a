// SPDX-License-Identifier: Apache-2.0
//
// A certificate authority of its own for each test, made with openssl.
package dev.svr2.host.tls;

import dev.svr2.host.config.TlsFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** Its files live in the folder that it was given. */
public final class TestAuthority {
  private final Path folder;
  public final Path certificate;
  private final Path key;
  private int serial;

  /** A fresh one, valid for ten years. */
  public TestAuthority(Path folder, String name) throws Exception {
    this.folder = folder;
    certificate = folder.resolve(name + ".pem");
    key = folder.resolve(name + ".key");
    openssl(
        List.of(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650".split(" ")),
        "-subj",
        "/CN=" + name,
        "-keyout",
        key.toString(),
        "-out",
        certificate.toString());
  }

  /** A certificate for loopback, and its key, under new names. */
  public TlsFiles issue(String name, int days) throws Exception {
    Path request = folder.resolve(name + ".csr");
    Path itsKey = folder.resolve(name + ".key");
    Path chain = folder.resolve(name + ".pem");
    Path extensions = folder.resolve(name + ".ext");
    Files.writeString(
        extensions,
        "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n");
    openssl(
        List.of("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split(" ")),
        "-subj",
        "/CN=" + name,
        "-keyout",
        itsKey.toString(),
        "-out",
        request.toString());
    openssl(
        List.of("x509", "-req"),
        "-in",
        request.toString(),
        "-CA",
        certificate.toString(),
        "-CAkey",
        key.toString(),
        "-set_serial",
        Integer.toString(++serial),
        "-days",
        Integer.toString(days),
        "-extfile",
        extensions.toString(),
        "-out",
        chain.toString());
    return new TlsFiles(chain, itsKey, Optional.empty());
  }

  private static void openssl(List<String> verb, String... more)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("openssl"));
    command.addAll(verb);
    command.addAll(List.of(more));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(60, TimeUnit.SECONDS) || process.exitValue() != 0) {
      throw new IOException(command + ": " + said);
    }
  }
}
