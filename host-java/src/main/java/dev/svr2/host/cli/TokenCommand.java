// SPDX-License-Identifier: Apache-2.0
//
// `svr2 token`: makes client credentials. Source: protocol.md §3, cli.md.
package dev.svr2.host.cli;

import dev.svr2.client.Credentials;
import dev.svr2.host.auth.AuthSecrets;
import dev.svr2.host.cli.client.ExitCode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "token",
    description = "Prints credentials for a client as USER:PASSWORD.",
    mixinStandardHelpOptions = true)
final class TokenCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--user",
      required = true,
      paramLabel = "HEX32",
      description = "The client's id: 32 hexadecimal digits, put in lower case.")
  private String user;

  @Option(
      names = "--auth-secret-file",
      paramLabel = "FILE",
      description =
          "The host's secret in base64. Without it, the environment variable AUTH_SECRET.")
  private Path secretFile;

  @Option(names = "--json", description = Json.OPTION)
  private boolean json;

  @Override
  public Integer call() throws CommandException {
    Credentials credentials;
    try {
      credentials = Credentials.make(secrets(), user, Clock.systemUTC());
    } catch (IllegalArgumentException | IOException e) {
      throw new CommandException(ExitCode.USAGE, e.getMessage(), e);
    }
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      Map<String, Object> fields = new LinkedHashMap<>();
      fields.put("user", credentials.user());
      fields.put("password", credentials.password());
      out.println(Json.object(fields));
    } else {
      out.println(credentials.user() + ":" + credentials.password());
    }
    out.flush();
    return ExitCode.DONE;
  }

  /** All of them must be good, though the first alone signs: the host would refuse the others. */
  private String secrets() throws IOException {
    if (secretFile != null) {
      String text = AuthSecrets.readText(secretFile);
      var unused = AuthSecrets.parse(text);
      return text;
    }
    String secret = System.getenv("AUTH_SECRET");
    if (secret == null || secret.isBlank()) {
      throw new IllegalArgumentException(
          "no secret: give --auth-secret-file FILE or set AUTH_SECRET");
    }
    try {
      var unused = AuthSecrets.parse(secret);
      return secret;
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("AUTH_SECRET: " + e.getMessage(), e);
    }
  }
}
