/**
 * cAdvisor's TCP counters, in its JSON's order, from `/proc/net/snmp` (`Tcp:`)
 * and `netstat` (`TcpExt:`). Letter case differs between kernels.
 */
export const TCP_ADVANCED: readonly string[] = `
  RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails
  EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors
  EmbryonicRsts SyncookiesSent SyncookiesRecv SyncookiesFailed PruneCalled
  RcvPruned OfoPruned OutOfWindowIcmps LockDroppedIcmps TW TWRecycled TWKilled
  TCPTimeWaitOverflow TCPTimeouts TCPSpuriousRTOs TCPLossProbes
  TCPLossProbeRecovery TCPRenoRecoveryFail TCPSackRecoveryFail TCPRenoFailures
  TCPSackFailures TCPLossFailures DelayedACKs DelayedACKLocked DelayedACKLost
  ListenOverflows ListenDrops TCPHPHits TCPPureAcks TCPHPAcks TCPRenoRecovery
  TCPSackRecovery TCPSACKReneging TCPFACKReorder TCPSACKReorder TCPRenoReorder
  TCPTSReorder TCPFullUndo TCPPartialUndo TCPDSACKUndo TCPLossUndo
  TCPFastRetrans TCPSlowStartRetrans TCPLostRetransmit TCPRetransFail
  TCPRcvCollapsed TCPDSACKOldSent TCPDSACKOfoSent TCPDSACKRecv TCPDSACKOfoRecv
  TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout
  TCPAbortOnLinger TCPAbortFailed TCPMemoryPressures TCPMemoryPressuresChrono
  TCPSACKDiscard TCPDSACKIgnoredOld TCPDSACKIgnoredNoUndo TCPMD5NotFound
  TCPMD5Unexpected TCPMD5Failure TCPSackShifted TCPSackMerged
  TCPSackShiftFallback TCPBacklogDrop PFMemallocDrop TCPMinTTLDrop
  TCPDeferAcceptDrop IPReversePathFilter TCPReqQFullDoCookies TCPReqQFullDrop
  TCPFastOpenActive TCPFastOpenActiveFail TCPFastOpenPassive
  TCPFastOpenPassiveFail TCPFastOpenListenOverflow TCPFastOpenCookieReqd
  TCPSynRetrans TCPOrigDataSent PAWSActive PAWSEstab
`.trim().split(/\s+/);
