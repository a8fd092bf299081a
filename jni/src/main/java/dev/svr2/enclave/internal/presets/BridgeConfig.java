// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave.internal.presets;

import org.bytedeco.javacpp.annotation.Platform;
import org.bytedeco.javacpp.annotation.Properties;
import org.bytedeco.javacpp.tools.Info;
import org.bytedeco.javacpp.tools.InfoMap;
import org.bytedeco.javacpp.tools.InfoMapper;

/**
 * Tells JavaCPP how to turn {@code svr2_bridge.h} into {@code dev.svr2.enclave.internal.Bridge},
 * which the build generates, and which libraries the native part needs.
 */
@Properties(
    target = "dev.svr2.enclave.internal",
    global = "dev.svr2.enclave.internal.Bridge",
    value =
        @Platform(
            value = "linux-x86_64",
            include = "svr2_bridge.h",
            link = {"crypto", "svr2bridge"},
            library = "jnisvr2"))
public class BridgeConfig implements InfoMapper {
  @Override
  public void map(InfoMap infoMap) {
    infoMap
        // Written by hand, with primitives only: nothing is allocated on the way up.
        .put(new Info("svr2_output_callback").valueTypes("OutputCallback").skip())
        // The context is a number here, and the handle comes back in one object.
        .put(
            new Info("svr2_bridge_create")
                .javaText(
                    "public static native @Cast(\"uint32_t\") int svr2_bridge_create("
                        + "@Cast(\"uint32_t\") int platform, @Cast(\"const char*\") BytePointer"
                        + " imagePath, @Cast(\"uint32_t\") int flags, OutputCallback output, "
                        + "@Cast(\"void*\") long context, @ByPtrPtr Svr2Enclave enclave);"))
        // A handle is a number and never followed on this side.
        .put(new Info("svr2_enclave").pointerTypes("Svr2Enclave"))
        // One form of bytes: native memory. Arrays would be copied by the JVM once more.
        .put(
            new Info("uint8_t")
                .valueTypes("@Cast(\"uint8_t\") byte")
                .pointerTypes("@Cast(\"uint8_t*\") BytePointer"))
        .put(new Info("char").valueTypes("byte").pointerTypes("@Cast(\"char*\") BytePointer"));
  }
}
