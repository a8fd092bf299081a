// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.cli.client;

import dev.svr2.client.Credentials;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.transport.Transport;
import io.grpc.ManagedChannel;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/** A gRPC transport that owns its channel. Thread-safe. */
final class TlsTransport implements Transport {
  private final ManagedChannel channel;
  private final GrpcTransport transport;

  TlsTransport(ManagedChannel channel) {
    this.channel = channel;
    this.transport = GrpcTransport.over(channel);
  }

  @Override
  public Stream open(Credentials credentials) {
    return transport.open(credentials);
  }

  @Override
  public CompletableFuture<Void> deleteBackup(Credentials credentials, Duration timeout) {
    return transport.deleteBackup(credentials, timeout);
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }
}
