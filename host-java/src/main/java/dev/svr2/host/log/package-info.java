// SPDX-License-Identifier: Apache-2.0
/** Logging of the host. */
package dev.svr2.host.log;
