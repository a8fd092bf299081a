// SPDX-License-Identifier: Apache-2.0
/** What a machine has and lacks for each platform, and whether an image fits it. Starts nothing. */
package dev.svr2.host.doctor;
