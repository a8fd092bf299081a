// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.cli;

import dev.svr2.host.cli.client.ExitCode;
import dev.svr2.host.config.HostPort;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "health",
    description = {
      "Asks a host's control.http_listen whether it is live, or with --ready whether it serves clients;",
      "ends with 0 when it is, else with 1 and why not. For health checks of containers."
    },
    mixinStandardHelpOptions = true)
final class HealthCommand implements Callable<Integer> {
  private static final Duration TIMEOUT = Duration.ofSeconds(3);

  @Spec private CommandSpec spec;

  @Option(
      names = "--http",
      defaultValue = "127.0.0.1:8445",
      paramLabel = "HOST:PORT",
      description = "Where it is served, in clear (default: ${DEFAULT-VALUE}).")
  private String address;

  @Option(names = "--ready", description = "Ready to serve clients, not just live.")
  private boolean ready;

  @Override
  public Integer call() throws CommandException, InterruptedException {
    HostPort at;
    try {
      at = HostPort.parseTarget(address);
    } catch (IllegalArgumentException e) {
      throw new CommandException(ExitCode.USAGE, "--http must be HOST:PORT: " + e.getMessage());
    }
    HttpClient http = HttpClient.newBuilder().connectTimeout(TIMEOUT).build();
    HttpRequest request =
        HttpRequest.newBuilder(
                URI.create("http://" + at + (ready ? "/health/ready" : "/health/live")))
            .timeout(TIMEOUT)
            .build();
    try {
      HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
      spec.commandLine().getOut().print(response.body());
      spec.commandLine().getOut().flush();
      return response.statusCode() == 200 ? ExitCode.DONE : ExitCode.FAILED;
    } catch (IOException e) {
      throw new CommandException(ExitCode.FAILED, "no host answers at " + at);
    }
  }
}
