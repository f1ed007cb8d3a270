//! Signatures with the P-256 key of [`crate::public_key::samples`], over the file that holds the one byte `a`.

/// `evmctl ima_sign --sigfile -a sha256 -k key a`, evmctl 1.4.
pub(super) const IMA_SIGNATURE: &str = "03020448e6c89200473045022100b0f135cd88168a959bc4d772c7962c21e20c852cdc24cb779fa0a10f91070ec6022047d5 \
     4187f84e7cfa3cb28dc44eece405ea7acf31bd9b14f17f988241e204e2ea";

/// Version 3, for fs-verity: `openssl pkeyutl -sign` over SHA-256 of 06, 04 and the digest.
pub(super) const VERITY_SIGNATURE: &str = "06030448e6c8920046304402205018e5055100c71d53ee05725de72571c8cbbad39a05a1a9b2954cf64a4ad6be02204c4b41 \
     2ad889b271096535c92717a28651ed2d7e75cb5777f5c2d58e1d29c2ee";

/// `evmctl sign -n --portable --uid=1000 --gid=27 --mode=33261 --ima=0404… --selinux=system_u:object_r:bin_t:s0
/// --caps= -a sha256 -k key a`, evmctl 1.4.
pub(super) const EVM_SIGNATURE: &str = "05020448e6c89200473045022100fafcc4c2f53743f2fe006e7a5e9f57eb4fe1c81f3cfdd4b25bd16458a088decf02202baf \
     8c83a5111fffab8136fb6e64ae64b58d318b0c9971acbe3333d73c9292a6";

/// `openssl cms -sign -binary -in a -signer crt -inkey key -md sha256 -noattr -nocerts -outform DER`.
pub(super) const APPENDED: &str = "3081ce06092a864886f70d010702a081c03081bd020101310d300b0609608648016503040201300b06092a864886f70d0107 \
     0131819b308198020101303130193117301506035504030c0e70323536206f6620612074657374021459185330dfb3033eef \
     f3f114d55b0ef7099ff98c300b0609608648016503040201300a06082a8648ce3d04030204473045022100b13030d74c8e17 \
     724a1c8fe19c06c1229098c843942ecfcec4687cfd9b7fe845022040b0a3ce5b6ee613939e5d57e8160fc9771cd736360483 \
     4316e30a34826122cf";

/// `openssl cms -sign -binary -in a -signer crt -inkey key -md sha256 -nocerts -keyid -nosmimecap -outform DER`.
pub(super) const APPENDED_WITH_ATTRIBUTES: &str = "3082011e06092a864886f70d010702a082010f3082010b020103310d300b0609608648016503040201300b06092a864886f7 \
     0d0107013181e93081e60201038014d8ef866fcba355508f8d94f5823c5b2248e6c892300b0609608648016503040201a069 \
     301806092a864886f70d010903310b06092a864886f70d010701301c06092a864886f70d010905310f170d32363131323631 \
     37303332335a302f06092a864886f70d01090431220420ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b98077 \
     85afee48bb300a06082a8648ce3d0403020447304502200fd5288c05f7f51db6d807bcacf6a9b93cf29d6449d4234809d530 \
     f3d9bf1c4b02210093eebf251397e0006acfb8647f56b6185f92d3054940323837a43942567544b2";

/// `keylime-policy sign runtime -r policy -k key`, Keylime 7.14.3.
pub(super) const SIGNED_POLICY: &str = r#"{"payload": "eyJtZXRhIjogeyJ2ZXJzaW9uIjogMSwgImdlbmVyYXRvciI6IDN9LCAicmVsZWFzZSI6IDAsICJkaWdlc3RzIjoge30sICJleGNsdWRlcyI6IFtdLCAia2V5cmluZ3MiOiB7fSwgImltYSI6IHsiaWdub3JlZF9rZXlyaW5ncyI6IFtdLCAibG9nX2hhc2hfYWxnIjogInNoYTEiLCAiZG1fcG9saWN5IjogbnVsbH0sICJpbWEtYnVmIjoge30sICJ2ZXJpZmljYXRpb24ta2V5cyI6ICIifQ==", "payloadType": "application/vnd.keylime+json", "signatures": [{"keyid": "66656cc24a16c937d677025dfee75615c1afe36e4222213bd9cb2dd652cf90fc", "sig": "MEYCIQC7LxFiqlxwKFgLxklw+7t1ChZx79VfN54ocKl9DGXwhQIhAIGcb5PAQmEtOPr4dhEFtZ1ivg3c51BlC3/7Uw1mtnGc"}]}"#;
