// SPDX-License-Identifier: Apache-2.0
//
// What an operator can ask of a host, whatever the transport.
package dev.svr2.host.control;

import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.LogLevel;
import java.util.concurrent.CompletableFuture;

/**
 * Thread-safe. No method blocks; failures are {@link dev.svr2.host.enclave.RequestException}s in
 * the future. Futures may complete on a thread inside the enclave, so their dependents must not
 * block.
 */
public interface Operations {
  /** Always answers: an enclave that does not answer is a reason for not being ready. */
  CompletableFuture<GetStatusResponse> status();

  /** Founds a group of one with the group values of the configuration. */
  CompletableFuture<EnclaveReply> createGroup();

  /** Everything that is measured, in Prometheus text format. */
  CompletableFuture<String> metrics();

  CompletableFuture<EnclaveReply> setEnclaveLogLevel(LogLevel level);

  /** The evidence that clients are shown. */
  CompletableFuture<EnclaveReply> evidence();
}
