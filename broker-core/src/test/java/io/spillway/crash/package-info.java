/** Kill -9 under load, and the checker that judges what clients saw. */
package io.spillway.crash;
