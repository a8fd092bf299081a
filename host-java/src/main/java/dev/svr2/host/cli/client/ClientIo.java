// SPDX-License-Identifier: Apache-2.0
//
// What the client commands take from outside beside their arguments, in one place for tests.
package dev.svr2.host.cli.client;

import dev.svr2.client.Pins;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.transport.Transport;
import dev.svr2.client.websocket.WebSocketTransport;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.TlsChannelCredentials;
import java.io.Console;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import javax.net.ssl.TrustManager;

/** The process's surroundings. Tests override what they need. */
class ClientIo {
  /** The value of an environment variable, or null. */
  String environment(String name) {
    return System.getenv(name);
  }

  /** Standard input. */
  InputStream input() {
    return System.in;
  }

  /** True when a person can be asked without echo. */
  // Null without a terminal on JDK 17 and 25. From 22 to 24 a console is there all the same, and
  // then reads its line from standard input, as we would.
  @SuppressWarnings("SystemConsoleNull")
  boolean hasConsole() {
    return System.console() != null;
  }

  /** Asks a person without echo; null when they end the input. Only with a console. */
  char[] askWithoutEcho(String prompt) {
    Console console = System.console();
    return console.readPassword("%s", prompt);
  }

  /** The time that goes into credentials. */
  Clock clock() {
    return Clock.systemUTC();
  }

  /** Longest wait for each answer of the server. */
  Duration timeout() {
    return Duration.ofSeconds(15);
  }

  /** Pause before a repetition. */
  Duration retryPause() {
    return Duration.ofMillis(500);
  }

  /** The client plane at HOST:PORT. */
  Transport transport(String target) {
    return GrpcTransport.plaintext("dns:///" + target);
  }

  /**
   * The same with TLS.
   *
   * @param tls whom to trust; empty for those whom this machine trusts
   */
  Transport tlsTransport(String target, Optional<Tls> tls) {
    if (tls.isEmpty()) {
      return GrpcTransport.tls("dns:///" + target);
    }
    return new TlsTransport(
        Grpc.newChannelBuilder(
                "dns:///" + target,
                TlsChannelCredentials.newBuilder()
                    .trustManager(tls.get().managers().toArray(new TrustManager[0]))
                    .build())
            .disableRetry()
            .build());
  }

  /** A way to the client plane, not opened yet. */
  interface Way {
    Transport open();
  }

  /**
   * The client plane over WebSocket.
   *
   * @param tls whom to trust behind wss://; empty for those whom this machine trusts
   * @throws IllegalArgumentException when it is no ws:// or wss:// address
   */
  Transport webSocket(URI base, Pins pins, Optional<Tls> tls) {
    if (tls.isEmpty()) {
      return WebSocketTransport.to(base, pins);
    }
    HttpClient http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .sslContext(tls.get().context())
            .build();
    return WebSocketTransport.over(http, base, pins.measurement());
  }

  /** The control plane at HOST:PORT; the caller shuts it down. */
  ManagedChannel controlChannel(String target) {
    return Grpc.newChannelBuilder("dns:///" + target, InsecureChannelCredentials.create())
        .disableRetry()
        .build();
  }

  /** Reads one line of standard input as UTF-8 bytes without its end, at most 4 KiB. */
  final byte[] readLine() throws IOException {
    byte[] room = new byte[4096];
    int length = 0;
    InputStream in = input();
    while (true) {
      int b = in.read();
      if (b < 0 || b == '\n') {
        break;
      }
      if (length == room.length) {
        throw new IOException("a line above 4 KiB");
      }
      room[length++] = (byte) b;
    }
    byte[] line = Arrays.copyOf(room, length);
    Arrays.fill(room, (byte) 0);
    return line;
  }
}
