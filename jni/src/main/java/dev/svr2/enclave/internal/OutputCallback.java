// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave.internal;

import org.bytedeco.javacpp.FunctionPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.annotation.Cast;
import org.bytedeco.javacpp.annotation.Properties;

/**
 * {@code svr2_output_callback} of {@code svr2_bridge.h}. One instance serves all enclaves: {@code
 * context} tells which. Whoever makes one keeps it reachable for as long as native code may call.
 * {@link #call} must not throw.
 */
@Properties(inherit = dev.svr2.enclave.internal.presets.BridgeConfig.class)
public abstract class OutputCallback extends FunctionPointer {
  static {
    Loader.load();
  }

  protected OutputCallback() {
    allocate();
  }

  private native void allocate();

  /**
   * Takes one message.
   *
   * @param context what was given to {@code svr2_bridge_create}
   * @param message address of the bytes, valid during this call
   * @param messageSize how many
   * @return 0 when taken
   */
  public abstract @Cast("uint32_t") int call(
      @Cast("void*") long context,
      @Cast("const uint8_t*") long message,
      @Cast("size_t") long messageSize);
}
