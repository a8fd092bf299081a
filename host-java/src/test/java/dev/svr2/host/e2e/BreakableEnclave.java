// SPDX-License-Identifier: Apache-2.0
//
// A real enclave that a test can take away: by an abort, as a crash would, or by a stop for good.
package dev.svr2.host.e2e;

import dev.svr2.enclave.Enclave;
import dev.svr2.enclave.EnclaveException;
import dev.svr2.enclave.EnclaveHandle;
import dev.svr2.enclave.OutputHandler;
import dev.svr2.enclave.Platform;
import dev.svr2.host.enclave.EnclaveRuntime;
import dev.svr2.proto.EnclaveItem;
import dev.svr2.proto.EnclaveToHostMessage;
import dev.svr2.proto.Error;
import dev.svr2.proto.Stopped;
import java.nio.file.Path;
import java.util.Set;

/** Thread-safe. */
public final class BreakableEnclave implements EnclaveHandle {
  private final EnclaveHandle enclave;
  private final OutputHandler output;
  private volatile Error broken = Error.OK;

  private BreakableEnclave(EnclaveHandle enclave, OutputHandler output) {
    this.enclave = enclave;
    this.output = output;
  }

  /** A loader that keeps what it loaded last. */
  public static final class Loader implements EnclaveRuntime.Loader {
    private final Platform platform;
    public volatile BreakableEnclave enclave;

    public Loader(Platform platform) {
      this.platform = platform;
    }

    @Override
    public EnclaveHandle load(OutputHandler output) throws EnclaveException {
      Path image = TestPlatforms.image(platform);
      enclave = new BreakableEnclave(Enclave.load(platform, image, Set.of(), output), output);
      return enclave;
    }
  }

  /** From now on it answers nothing: what is in it is lost. */
  public void abort() {
    broken = Error.ERROR_BRIDGE_ABORTED;
  }

  /** It finds its memory altered and stops for good. */
  public void stop(Error why) {
    broken = Error.ERROR_CORE_STOPPED;
    output.onOutput(
        EnclaveToHostMessage.newBuilder()
            .addItems(EnclaveItem.newBuilder().setStopped(Stopped.newBuilder().setError(why)))
            .build()
            .toByteArray());
  }

  @Override
  public byte[] init(byte[] enclaveConfig) throws EnclaveException {
    return enclave.init(enclaveConfig);
  }

  @Override
  public void input(byte[] hostToEnclaveMessage) throws EnclaveException {
    if (broken != Error.OK) {
      throw new EnclaveException(broken);
    }
    enclave.input(hostToEnclaveMessage);
  }

  @Override
  public byte[] measurement() {
    return enclave.measurement();
  }

  @Override
  public int maxThreads() {
    return enclave.maxThreads();
  }

  @Override
  public void close() {
    enclave.close();
  }
}
