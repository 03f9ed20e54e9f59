import {
  badRequest,
  defineResource,
  s,
  type Attributes,
  type Authorizer,
  type KubeObject,
  type ResourceDefinition,
  type TypeOf,
  type User,
} from "@headrace/model";
import type { Answer } from "./options.ts";

const question = {
  resourceAttributes: s.at(
    1,
    s.object(
      {},
      {
        namespace: s.at(1, s.string()),
        verb: s.at(2, s.string()),
        group: s.at(3, s.string()),
        version: s.at(4, s.string()),
        resource: s.at(5, s.string()),
        subresource: s.at(6, s.string()),
        name: s.at(7, s.string()),
      },
      { name: "io.k8s.api.authorization.v1.ResourceAttributes" },
    ),
  ),
  nonResourceAttributes: s.at(
    2,
    s.object(
      {},
      { path: s.at(1, s.string()), verb: s.at(2, s.string()) },
      { name: "io.k8s.api.authorization.v1.NonResourceAttributes" },
    ),
  ),
};

const selfSpec = s.object({}, question, { name: "io.k8s.api.authorization.v1.SelfSubjectAccessReviewSpec" });

const subjectSpec = s.object(
  {},
  { ...question, user: s.at(3, s.string()), groups: s.at(4, s.list(s.string())), uid: s.at(6, s.string()) },
  { name: "io.k8s.api.authorization.v1.SubjectAccessReviewSpec" },
);

const status = s.object(
  { allowed: s.at(1, s.orZero(s.boolean(), false)) },
  { reason: s.at(2, s.string()), denied: s.at(4, s.boolean()) },
  { name: "io.k8s.api.authorization.v1.SubjectAccessReviewStatus" },
);

const userInfo = s.object(
  {},
  {
    username: s.at(1, s.string()),
    uid: s.at(2, s.string()),
    groups: s.at(3, s.list(s.string())),
    extra: s.map(s.list(s.string())),
  },
  { name: "io.k8s.api.authentication.v1.UserInfo" },
);

const review = {
  group: "authorization.k8s.io",
  version: "v1",
  builtIn: true,
  status,
  tracksGeneration: false,
} as const;
const selfReview = defineResource({ ...review, kind: "SelfSubjectAccessReview", scope: "Cluster", spec: selfSpec });
const subjectReview = defineResource({ ...review, kind: "SubjectAccessReview", scope: "Cluster", spec: subjectSpec });
const localReview = defineResource({ ...review, kind: "LocalSubjectAccessReview", spec: subjectSpec });
const whoAmI = defineResource({
  group: "authentication.k8s.io",
  version: "v1",
  kind: "SelfSubjectReview",
  scope: "Cluster",
  builtIn: true,
  status: s.object(
    {},
    { userInfo: s.at(1, userInfo) },
    { name: "io.k8s.api.authentication.v1.SelfSubjectReviewStatus" },
  ),
});

type Question = TypeOf<typeof subjectSpec>;

/** The kinds by which a caller asks who it is and what it, or somebody else, may do. They are answered, never kept. */
export function accessReviews(authorizer: Authorizer): readonly Answer[] {
  async function decided(object: KubeObject, user: User, question: Question): Promise<KubeObject> {
    const { allowed, reason } = await authorizer.authorize(attributesOf(question, user));
    const answered = { ...object, status: { allowed, ...(reason !== "" && { reason }) } };
    return answered;
  }

  const answerAbout = (definition: ResourceDefinition): Answer => ({
    definition,
    async create(object) {
      const asked = specOf(object);
      const { user = "", groups = [], uid } = asked;
      if (user === "" && groups.length === 0)
        throw badRequest(`Cannot answer a ${definition.kind}: spec.user or spec.groups must say whom it is about`);
      return decided(object, { name: user, groups, ...(uid && { uid }) }, withinNamespace(asked, object));
    },
  });

  return [
    { definition: selfReview, create: (object, { user }) => decided(object, user, specOf(object)) },
    answerAbout(subjectReview),
    answerAbout(localReview),
    {
      definition: whoAmI,
      async create(object, { user: { name, uid, groups, extra } }) {
        const answered = {
          ...object,
          status: { userInfo: { username: name, ...(uid && { uid }), groups, ...(extra && { extra }) } },
        };
        return answered;
      },
    },
  ];
}

const specOf = (object: KubeObject): Question => Reflect.get(object, "spec") as Question;

/** A local review is about its own namespace, whatever else it says. */
function withinNamespace(asked: Question, { metadata: { namespace } }: KubeObject): Question {
  const { resourceAttributes } = asked;
  if (!namespace || !resourceAttributes) return asked;
  if (resourceAttributes.namespace && resourceAttributes.namespace !== namespace) {
    throw badRequest(
      `Cannot answer a LocalSubjectAccessReview: spec.resourceAttributes.namespace must be ${namespace}, as in its path`,
    );
  }
  return { ...asked, resourceAttributes: { ...resourceAttributes, namespace } };
}

function attributesOf({ resourceAttributes, nonResourceAttributes }: Question, user: User): Attributes {
  if ((resourceAttributes === undefined) === (nonResourceAttributes === undefined)) {
    throw badRequest(
      "Cannot answer the review: exactly one of spec.resourceAttributes and spec.nonResourceAttributes must be given",
    );
  }
  if (nonResourceAttributes) {
    const { path = "", verb = "" } = nonResourceAttributes;
    return { user, verb, group: "", resource: "", namespace: "", name: "", path };
  }
  const asked = resourceAttributes ?? {};
  const { verb = "", group = "", resource = "", subresource = "", name = "" } = asked;
  const qualified = subresource === "" ? resource : `${resource}/${subresource}`;
  return { user, verb, group, resource: qualified, namespace: asked.namespace ?? "", name };
}
