import type { PlanContext } from '../context.ts';
import type { Step } from '../step.ts';
import { attestationStep, attestationStepId } from './attestation.ts';
import { imageStep } from './image.ts';
import { networkStep, nodeStep, nodeStepId } from './node.ts';
import { narrowStep, policyStep, policyStepId } from './policy.ts';
import { PolicyTexts } from './policy-text.ts';

/** All steps of a plan, those that others need before them. */
export function listSteps(context: PlanContext): readonly Step[] {
  const { images, policies, nodes } = context.plan;
  const texts = new PolicyTexts(context.plan);
  const used = Object.keys(policies).filter(
    (name) =>
      // A policy that is only a layer of others is no policy of the verifier.
      Object.values(nodes).some((node) => node.policy === name) ||
      !Object.values(policies).some(({ layers }) => layers.includes(name)),
  );
  return [
    ...Object.keys(images).map((name) => imageStep(context, name)),
    ...used.map((name) => policyStep(context, texts, name)),
    ...Object.entries(nodes).flatMap(([hostname, node]) => [
      nodeStep(context, hostname, node),
      ...node.attach.map((network) => networkStep(context, hostname, network)),
      ...(node.policy === undefined
        ? []
        : [attestationStep(context, hostname, { ...node, policy: node.policy })]),
    ]),
    ...used.map((name) => {
      const attested = Object.entries(nodes).filter(([, node]) => node.policy === name);
      const needs = attested.flatMap(([hostname]) => [nodeStepId(hostname), attestationStepId(hostname)]);
      return narrowStep(context, texts, name, [policyStepId(name), ...needs]);
    }),
  ];
}
